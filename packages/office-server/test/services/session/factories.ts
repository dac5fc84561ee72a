import { randomUUID } from "node:crypto";
import type { SessionSpec } from "office-contract/session.ts";
import type { SessionRequest } from "../../../src/services/session/runtime.ts";

/** A request for a session that runs `spec`; everything else is made up. */
export const sessionRequest = (
  spec: Partial<SessionSpec> = {},
  overrides: Partial<Omit<SessionRequest, "spec">> = {},
): SessionRequest => ({
  executionId: randomUUID(),
  officeId: randomUUID(),
  taskId: randomUUID(),
  jobId: randomUUID(),
  jobKey: "schema",
  role: "BE",
  attempt: 1,
  fencingToken: "7",
  title: "Write the schema",
  prompt: "Design the tables",
  timeoutMs: 60_000,
  ...overrides,
  spec: { cwd: "/", env: {}, ...spec },
});

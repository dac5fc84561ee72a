import { type Environment, sessionEnvironment } from "./environment.ts";
import type { OutputLimits, SessionLease, StartSpec } from "./host/records.ts";
import type { SessionRequest } from "./runtime.ts";
import { fillTemplate, templateValues } from "./template.ts";

export interface StartContext {
  /** The operator's, of which a session gets the allowed part. */
  environment: Environment;
  /** The folder from which the office itself runs. */
  installation: string;
  termGraceMs: number;
  output: OutputLimits;
  /** What sessions that are started now go by. */
  lease: () => SessionLease | null;
}

/** What the session host is told to start, and what the program reads from stdin (null: nothing). */
export function startSpecOf(request: SessionRequest, context: StartContext): { spec: StartSpec; stdin: string | null } {
  const { command, run, stdin, cwd } = request.spec;
  const values = templateValues(request);
  const spec = {
    executionId: request.executionId,
    command: run === undefined ? (command ?? []).map((part) => fillTemplate(part, values)) : ["/bin/sh", "-c", run],
    cwd,
    env: sessionEnvironment(request, context.environment, context.installation),
    timeoutMs: request.timeoutMs,
    termGraceMs: context.termGraceMs,
    output: context.output,
    lease: context.lease(),
  };
  return { spec, stdin: stdin === undefined ? null : fillTemplate(stdin, values) };
}

import { ApiClient } from "office-contract/api/client.ts";
import type { Job } from "office-contract/api/jobs.ts";
import type { Problem } from "office-contract/api/problems.ts";
import type { OpenOffice } from "../../src/api/findOffice.ts";

/** Answers a request in a test. */
export type Answer = (request: {
  method: string;
  url: URL;
  headers: Headers;
  body: unknown;
}) => Response | Promise<Response>;

export const OFFICE_ID = "01990000-0000-7000-8000-00000000000a";

/** A client whose requests are answered by the test. */
export const clientOf = (answer: Answer): ApiClient =>
  new ApiClient({
    baseUrl: "http://api.test",
    token: "ofk_test",
    fetch: async (input, init) => {
      const body: unknown = typeof init?.body === "string" ? JSON.parse(init.body) : undefined;
      const url = new URL(input instanceof Request ? input.url : input);
      return answer({ method: init?.method ?? "GET", url, headers: new Headers(init?.headers), body });
    },
  });

export const officeOf = (answer: Answer): OpenOffice => ({
  client: clientOf(answer),
  officeId: OFFICE_ID,
  config: { url: "http://api.test", token: "ofk_test", tokenOrigin: "in OFFICE_TOKEN", office: null },
});

export const problem = (status: number, code: Problem["code"], detail: string, more: Partial<Problem> = {}): Response =>
  Response.json({ type: `urn:office:problem:${code}`, title: code, status, detail, code, ...more }, { status });

/** A job whose id ends with `number`; later ones are newer. */
export const makeJob = (number: number, more: Partial<Job> = {}): Job => ({
  id: `0199c7a2-0000-7000-8000-${String(number).padStart(12, "0")}`,
  office_id: OFFICE_ID,
  task_id: "0199c7a2-1111-7000-8000-000000000001",
  key: `job-${number}`,
  role: "BE",
  agent_id: null,
  worktree_id: null,
  title: `job-${number}`,
  prompt: null,
  status: "ready",
  runtime: "command",
  depends_on: [],
  unmet_count: 0,
  priority: 0,
  attempt: 0,
  retry_count: 0,
  max_retries: null,
  timeout_ms: null,
  run_at: null,
  created_at: new Date(Date.UTC(2026, 0, 15, 12, 0, number)).toISOString(),
  ready_at: null,
  started_at: null,
  completed_at: null,
  cancelled_at: null,
  error_class: null,
  error_message: null,
  caused_by: null,
  result: null,
  pr_number: null,
  branch_name: null,
  metadata: null,
  ...more,
});

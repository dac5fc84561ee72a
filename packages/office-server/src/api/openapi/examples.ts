import type { RequestOf } from "office-contract/api/client.ts";
import type { RouteName } from "office-contract/api/routes.ts";

type BodyOf<Name extends RouteName> = RequestOf<Name> extends { body?: infer Body } ? Body : never;

/** A request's body for those routes where one says more than its schema. */
export const BODY_EXAMPLES: { readonly [Name in RouteName]?: BodyOf<Name> } = {
  createOffice: {
    name: "website",
    repo_path: "/srv/website",
    roles: { BE: { command: ["claude", "-p"], stdin: "{{prompt}}", timeout: "30m" } },
  },
  patchOffice: { status: "paused" },
  submitJobs: {
    task: "Login feature",
    jobs: [
      { key: "schema", role: "BE", title: "Write the schema", prompt: "Design the tables for logins." },
      { key: "api", role: "BE", prompt: "Write the API.", depends_on: ["schema"], timeout: "45m" },
      { key: "test", role: "QA", command: ["npm", "test"], depends_on: ["api"], priority: -5, retries: 1 },
    ],
  },
  patchJob: { pr_number: 42, branch_name: "login-feature" },
  cancelAll: { role: "BE", reason: "the plan has changed" },
  cancelJob: { reason: "not wanted any more" },
  setPriority: { priority: -10 },
  setTimeout: { timeout_ms: 3_600_000 },
  setAssignee: { role: "QA", requeue: true },
  patchConfig: { maxConcurrentJobs: 5, maxConcurrentByRole: { BE: 2 } },
  completeExecution: { success: false, error: { class: "RATE_LIMITED", message: "429 from the model's API" } },
  heartbeatExecution: { output: "compiled 120 files\n" },
  createKey: { name: "decomposer", office_id: "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10", access: "write" },
  createWebhook: { url: "https://example.com/office-events", events: ["job_completed", "job_failed"] },
  patchWebhook: { enabled: true },
};

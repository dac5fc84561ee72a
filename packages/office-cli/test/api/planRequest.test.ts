import { submitJobsSchema } from "office-contract/api/jobs.ts";
import { parsePlan } from "office-server/domain/plan.ts";
import { expect, test } from "vitest";
import { planRequest } from "../../src/api/planRequest.ts";

const request = (text: string) => {
  const result = parsePlan(text, { file: "plan.yaml", directory: "/plans" });
  if (!result.ok) throw new Error(result.errors[0]?.message);
  const body = planRequest(result.plan, "/plans");
  // What is sent is what the API takes.
  submitJobsSchema.parse(body);
  return body;
};

test("a role's program is sent once, with the folder that the plan means", () => {
  const plan = `
title: Login
roles: { BE: { command: [claude, -p], stdin: "{{prompt}}", cwd: server, timeout: 30m, env: { A: "1" } } }
jobs:
  - { key: schema, role: BE, prompt: Design it, env: { B: "2" } }
  - { key: api, role: BE, title: Build it, prompt: Build it, depends_on: [schema], priority: -5, timeout: 1h, retries: 0, cwd: ../api }
`;
  expect(request(plan)).toEqual({
    task: "Login",
    roles: {
      BE: { command: ["claude", "-p"], stdin: "{{prompt}}", cwd: "/plans/server", timeout: 1_800_000, env: { A: "1" } },
    },
    jobs: [
      { key: "schema", role: "BE", prompt: "Design it", env: { B: "2" } },
      {
        key: "api",
        role: "BE",
        title: "Build it",
        prompt: "Build it",
        depends_on: ["schema"],
        priority: -5,
        timeout: 3_600_000,
        retries: 0,
        cwd: "/api",
      },
    ],
  });
});

test("a job's own program goes with it, in the plan's folder", () => {
  const plan = `
roles: { BE: { command: [agent], stdin: "{{prompt}}" }, QA: { runtime: external, lease: 5m } }
jobs:
  - { key: shell, run: npm test }
  - { key: list, role: BE, command: [agent] }
  - { key: outside, role: QA }
  - { key: elsewhere, role: BE, runtime: external, lease: 10s }
`;
  expect(request(plan).jobs).toEqual([
    { key: "shell", role: "default", run: "npm test", cwd: "/plans" },
    // The same words as its role's, but without its role's input.
    { key: "list", role: "BE", command: ["agent"] },
    { key: "outside", role: "QA" },
    { key: "elsewhere", role: "BE", runtime: "external", lease: 10_000 },
  ]);
});

import { submitJobsSchema } from "office-contract/api/jobs.ts";
import { EDGES_MAX } from "office-contract/limits.ts";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../src/domain/refusal.ts";
import {
  checkGraph,
  checkWaysToRun,
  graphOf,
  idsNamedIn,
  resolveSubmission,
  type SubmitRequest,
} from "../../src/domain/submission.ts";

const ID = "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10";
const OFFICE = {
  id: "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e11",
  isPaused: false,
  roles: new Set(["BE"]),
  directory: "/repo",
};

const request = (body: unknown): SubmitRequest => submitJobsSchema.parse(body);

const ofJobs = (...jobs: unknown[]): SubmitRequest => request({ jobs });

/** What a check refuses, as its caller is told. */
function refused(check: () => void) {
  try {
    check();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { code: error.code, detail: error.message, ...error.facts };
  }
  throw new Error("it was not refused");
}

const refusedGraph = (submission: SubmitRequest, known: string[] = []) =>
  refused(() => checkGraph(graphOf(submission), known));

describe("the graph", () => {
  test("keys, and ids of jobs that exist, in any case", () => {
    const graph = graphOf(ofJobs({ key: "a" }, { key: "b", depends_on: ["a", ID.toUpperCase()] }));
    expect(graph[1]).toEqual({ key: "b", dependsOn: ["a", ID] });
    expect(idsNamedIn(graph)).toEqual([ID]);
    expect(() => checkGraph(graph, [ID])).not.toThrow();
  });

  test("a key that looks like an id is a key", () => {
    const key = ID.toUpperCase();
    const graph = graphOf(ofJobs({ key }, { key: "b", depends_on: [key] }));
    expect(idsNamedIn(graph)).toEqual([]);
    expect(() => checkGraph(graph, [])).not.toThrow();
  });

  test("what is unknown", () => {
    const submission = ofJobs({ key: "schema" }, { key: "b", depends_on: ["schem", ID] });
    expect(refusedGraph(submission)).toEqual({
      code: "invalid_graph",
      detail: 'body.jobs[1].depends_on[0] names an unknown job, "schem" (did you mean "schema"?) (and 1 more)',
      errors: [
        { field: "body.jobs[1].depends_on[0]", message: 'names an unknown job, "schem" (did you mean "schema"?)' },
        {
          field: "body.jobs[1].depends_on[1]",
          message: `names an unknown job, "${ID}": no job of the request has this key, and none of the office this id`,
        },
      ],
    });
  });

  test("a cycle, in order", () => {
    const submission = ofJobs(
      { key: "a", depends_on: ["c"] },
      { key: "b", depends_on: ["a"] },
      { key: "c", depends_on: ["b"] },
    );
    const { code, cycle, errors } = refusedGraph(submission);
    expect([code, cycle]).toEqual(["invalid_graph", ["a", "c", "b", "a"]]);
    expect(errors?.map(({ field }) => field)).toEqual(["body.jobs[0].depends_on[0]"]);
  });

  test("a job that names itself, a key twice, a dependency twice", () => {
    const submission = ofJobs(
      { key: "a", depends_on: ["a"] },
      { key: "b", depends_on: [ID, ID.toUpperCase()] },
      { key: "b" },
    );
    expect(refusedGraph(submission, [ID]).errors).toEqual([
      { field: "body.jobs[2].key", message: "is a duplicate: body.jobs[1] has the same key; give each its own" },
      { field: "body.jobs[0].depends_on[0]", message: expect.stringContaining("a job cannot wait for itself") },
      { field: "body.jobs[1].depends_on[1]", message: expect.stringContaining("once more") },
    ]);
  });

  test("twenty problems are told of, and how many there are", () => {
    const submission = ofJobs(...Array.from({ length: 30 }, (_, n) => ({ key: `${n}`, depends_on: ["nobody"] })));
    const { errors, detail } = refusedGraph(submission);
    expect(errors).toHaveLength(20);
    expect(detail).toContain("(and 29 more)");
  });
});

describe("the way to run", () => {
  const check = (submission: SubmitRequest, allowRun = true) => checkWaysToRun(submission, { allowRun });

  test("one at most", () => {
    const both = ofJobs({ key: "a", run: "true", command: ["true"] }, { key: "b", runtime: "external" });
    expect(refused(() => check(both))).toMatchObject({
      code: "invalid_request",
      errors: [{ field: "body.jobs[0].run", message: "must not be there beside command: keep one of them" }],
    });
    expect(() => check(ofJobs({ key: "a" }, { key: "b", command: ["true"] }))).not.toThrow();
  });

  test("a shell only where it is allowed", () => {
    const shell = ofJobs({ key: "a" }, { key: "b", run: "true" });
    expect(() => check(shell)).not.toThrow();
    expect(refused(() => check(shell, false))).toMatchObject({
      code: "shell_not_allowed",
      errors: [{ field: "body.jobs[1].run" }],
    });
  });

  test("not too many dependencies", () => {
    const names = Array.from({ length: EDGES_MAX / 2 + 1 }, (_, n) => `${n}`);
    const submission = ofJobs({ key: "a", depends_on: names }, { key: "b", depends_on: names });
    expect(refused(() => check(submission))).toMatchObject({
      code: "invalid_request",
      errors: [{ field: "body.jobs", message: expect.stringContaining("50002 dependencies") }],
    });
  });
});

describe("what is stored", () => {
  const jobs = (body: unknown) => resolveSubmission(request(body), OFFICE).jobs;
  const session = (job: object, role?: object) =>
    jobs({ jobs: [{ key: "a", role: "FE", ...job }], ...(role !== undefined && { roles: { FE: role } }) })[0]?.session;

  test("the usual, where a job says nothing", () => {
    expect(jobs({ jobs: [{ key: "a" }] })).toEqual([
      {
        key: "a",
        role: "default",
        title: "a",
        prompt: null,
        session: null,
        dependsOn: [],
        priority: 0,
        timeoutMs: null,
        maxRetries: null,
        agentId: null,
        worktreeId: null,
        branchName: null,
        metadata: null,
      },
    ]);
  });

  test("all that it can say", () => {
    const [job] = jobs({
      task: { title: "Login" },
      jobs: [
        {
          key: "a",
          role: "FE",
          title: "Do it",
          prompt: "Please",
          command: ["agent"],
          priority: -5,
          timeout: "45m",
          retries: 1,
          agent_id: ID,
          worktree_id: ID,
          branch_name: "login",
          metadata: { ticket: 7 },
        },
      ],
    });
    expect(job).toMatchObject({
      title: "Do it",
      prompt: "Please",
      session: { command: ["agent"], cwd: "/repo", env: {} },
      priority: -5,
      timeoutMs: 2_700_000,
      maxRetries: 1,
      agentId: ID,
      worktreeId: ID,
      branchName: "login",
      metadata: { ticket: 7 },
    });
  });

  test("the job's own program, with its role's folder and environment", () => {
    const role = { command: ["agent"], stdin: "{{prompt}}", cwd: "web", env: { A: "1", B: "1" } };
    expect(session({ run: "npm test", env: { B: "2" } }, role)).toEqual({
      run: "npm test",
      cwd: "/repo/web",
      env: { A: "1", B: "2" },
    });
    expect(session({ command: ["ls"], cwd: "/tmp" }, role)).toMatchObject({ command: ["ls"], cwd: "/tmp" });
  });

  test("else the request's role", () => {
    expect(session({}, { command: ["agent"], stdin: "{{prompt}}" })).toEqual({
      command: ["agent"],
      stdin: "{{prompt}}",
      cwd: "/repo",
      env: {},
    });
    expect(session({ lease: "5m" }, { runtime: "external" })).toMatchObject({ runtime: "external", lease_ms: 300_000 });
  });

  test("else only what is laid over the office's role", () => {
    expect(session({})).toBeNull();
    expect(session({ cwd: "web" })).toEqual({ cwd: "/repo/web" });
    expect(session({ env: { B: "2" } }, { env: { A: "1", B: "1" }, cwd: "." })).toEqual({
      cwd: "/repo",
      env: { A: "1", B: "2" },
    });
    expect(session({ lease: "5m" })).toEqual({ lease_ms: 300_000 });
  });

  test("a role's time counts for its jobs, unless they have their own", () => {
    const timeouts = jobs({
      roles: { BE: { timeout: "10m" } },
      jobs: [
        { key: "a", role: "BE" },
        { key: "b", role: "BE", timeout: "1m" },
        { key: "c", role: "QA" },
      ],
    }).map(({ timeoutMs }) => timeoutMs);
    expect(timeouts).toEqual([600_000, 60_000, null]);
  });

  test("not more text than can be kept", () => {
    const body = {
      roles: { BE: { command: ["agent"], env: { TEXT: "x".repeat(1_000_000) } } },
      jobs: Array.from({ length: 80 }, (_, n) => ({ key: `${n}`, role: "BE" })),
    };
    expect(refused(() => resolveSubmission(request(body), OFFICE))).toMatchObject({
      code: "invalid_request",
      errors: [{ field: "body.jobs", message: expect.stringContaining("keep long text in files") }],
    });
  });
});

describe("warnings", () => {
  const warnings = (...all: unknown[]) => resolveSubmission(ofJobs(...all), OFFICE).warnings;

  test("none where the job, or the office, says how it is run", () => {
    expect(warnings({ key: "a", role: "BE" }, { key: "b", command: ["true"] })).toEqual([]);
  });

  test("one where the office is paused", () => {
    const paused = resolveSubmission(ofJobs({ key: "a", role: "BE" }), { ...OFFICE, isPaused: true });
    expect(paused.warnings).toEqual([
      expect.stringContaining("the office is paused: nothing starts until it is resumed"),
    ]);
  });

  test("one that names the job and a remedy", () => {
    expect(warnings({ key: "a", role: "PM" })).toEqual([
      `job "a" has nothing to run: neither the request nor the office says how role "PM" is run; give the office a command for it (PATCH /api/offices/${OFFICE.id}, roles) before the job's turn, or cancel the job`,
    ]);
  });

  test("twenty at most", () => {
    const told = warnings(...Array.from({ length: 30 }, (_, n) => ({ key: `${n}` })));
    expect(told).toHaveLength(20);
    expect(told.at(-1)).toBe("11 more jobs have nothing to run, for the same reason");
  });
});

import fc from "fast-check";
import { type Job, submitJobsSchema, submittedSchema } from "office-contract/api/jobs.ts";
import { describe, expect, test } from "vitest";
import { setup, setupFile, sql } from "../../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";
import { jobsInOrder } from "../../../src/db/queries/submission.ts";
import { Refusal } from "../../../src/domain/refusal.ts";
import { newId } from "../../../src/platform/ids.ts";
import { type SubmissionAnswer, submitJobs } from "../../../src/services/jobs/submitJobs.ts";

const world = setupFile();

interface Sent {
  idempotencyKey?: string;
  allowRun?: boolean;
}

/** Sends a request as the API would, and returns its answer as JSON. */
async function send(office: TestOffice, body: unknown, { idempotencyKey, allowRun = true }: Sent = {}) {
  const request = submitJobsSchema.parse(body);
  const options = { allowRun, workingFolder: "/work", idempotencyKey: idempotencyKey ?? null };
  return asText(await submitJobs(office.database, office.id, request, options));
}

const asText = (submission: SubmissionAnswer) => ({
  isRepeat: submission.isRepeat,
  text: submission.isRepeat ? submission.text : JSON.stringify(submission.answer),
});

async function submit(office: TestOffice, body: unknown, sent?: Sent) {
  const { text } = await send(office, body, sent);
  const answer = submittedSchema.parse(JSON.parse(text));
  for (const { id, key } of answer.jobs) office.adopt(key ?? id, id);
  return answer;
}

const refusal = (sending: Promise<unknown>): Promise<Refusal> =>
  sending.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => {
      if (error instanceof Refusal) return error;
      throw error;
    },
  );

const byKey = (jobs: readonly Job[]) => new Map(jobs.map((job) => [job.key, job]));

describe("the answer", () => {
  test("the jobs in the order of the request, and the order in which they run", async () => {
    const office = await world().createOffice();
    const {
      jobs,
      execution_order: order,
      warnings,
    } = await submit(office, {
      task: "Login",
      jobs: [
        { key: "test", command: ["true"], depends_on: ["schema", "page"] },
        { key: "schema", command: ["true"] },
        { key: "page", command: ["true"], depends_on: ["schema"] },
      ],
    });
    expect(jobs.map(({ key, status, unmet_count: unmet }) => [key, status, unmet])).toEqual([
      ["test", "pending", 2],
      ["schema", "ready", 0],
      ["page", "pending", 1],
    ]);
    expect(order).toEqual([[office.idOf("schema")], [office.idOf("page")], [office.idOf("test")]]);
    expect(warnings).toEqual([]);
    await expect(office.story()).resolves.toEqual([
      "job_created test",
      "job_created schema",
      "job_created page",
      "job_ready schema",
    ]);
  });

  const name = fc
    .string({ minLength: 1, maxLength: 20 })
    .filter((text) => /^\P{Cc}+$/u.test(text) && text.trim() !== "");
  const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
  const anyJob = fc.record(
    {
      key: fc.noShrink(fc.uuid().map((id) => `key ${id}`)),
      role: name,
      title: name,
      prompt: fc.string(),
      command: fc.array(name, { minLength: 1, maxLength: 3 }),
      priority: fc.integer({ min: -100, max: 100 }),
      timeout: fc.integer({ min: 1, max: 1_000_000 }),
      retries: fc.nat(100),
      agent_id: optional(fc.uuid()),
      worktree_id: optional(fc.uuid()),
      branch_name: optional(name),
      metadata: optional(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }))),
      cwd: name,
    },
    { requiredKeys: ["key"] },
  );

  test("it says of each job what was stored", async () => {
    const office = await world().createOffice();
    const ofTwo = fc.tuple(anyJob, anyJob, fc.boolean());
    await fc.assert(
      fc.asyncProperty(ofTwo, async ([first, second, waits]) => {
        const jobs = [first, { ...second, ...(waits && { depends_on: [first.key] }) }];
        const answer = await submit(office, { jobs });
        const stored = await jobsInOrder(
          office.database,
          answer.jobs.map(({ id }) => id),
        );
        expect(answer.jobs).toEqual(stored);
      }),
      { numRuns: 60 },
    );
  });

  test("times are those of the database, to the millisecond", async () => {
    const office = await world().createOffice();
    const { jobs } = await submit(office, { jobs: [{ key: "a", command: ["true"] }] });
    const { created_at: created, ready_at: ready } = (await office.job("a")) as unknown as Record<string, Date>;
    expect(jobs[0]).toMatchObject({ created_at: created?.toISOString(), ready_at: ready?.toISOString() });
  });
});

describe("dependencies on jobs from before", () => {
  test("in every state", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 1, onDependencyFailure: "cancel" });
    await submit(office, {
      jobs: [
        { key: "done", command: ["true"], priority: -2 },
        { key: "failed", command: ["true"], priority: -1 },
      ],
    });
    await office.finish(await office.claimOne());
    await office.fail(await office.claimOne());
    await submit(office, { jobs: [{ key: "ready", command: ["true"] }] });
    const [done, failed, ready] = ["done", "failed", "ready"].map((key) => office.idOf(key));
    const { jobs } = await submit(office, {
      jobs: [
        { key: "starts", depends_on: [done?.toUpperCase()] },
        { key: "waits", depends_on: [done, ready] },
        { key: "is cancelled", depends_on: [failed] },
        { key: "too", depends_on: ["is cancelled"] },
      ],
    });
    const states = byKey(jobs);
    expect(states.get("starts")).toMatchObject({ status: "ready", unmet_count: 0, depends_on: [done] });
    expect(states.get("waits")).toMatchObject({ status: "pending", unmet_count: 1 });
    expect(states.get("is cancelled")).toMatchObject({ status: "cancelled", caused_by: failed });
    expect(states.get("too")).toMatchObject({ status: "cancelled", error_class: "DEPENDENCY_FAILED" });
  });

  test("not on those of other offices, or of none", async () => {
    const [office, other] = [await world().createOffice(), await world().createOffice()];
    const { jobs } = await submit(other, { jobs: [{ key: "a" }] });
    for (const id of [jobs[0]?.id, newId()]) {
      const { code, facts } = await refusal(send(office, { jobs: [{ key: "b", depends_on: [id] }] }));
      expect([code, facts.errors?.map(({ field }) => field)]).toEqual([
        "invalid_graph",
        ["body.jobs[0].depends_on[0]"],
      ]);
    }
    await expect(office.jobs()).resolves.toEqual([]);
  });
});

describe("refusals, after which nothing is stored", () => {
  test("a cycle, in order", async () => {
    const office = await world().createOffice();
    const jobs = [
      { key: "a", depends_on: ["b"] },
      { key: "b", depends_on: ["a"] },
    ];
    const { code, facts } = await refusal(send(office, { jobs }));
    expect([code, facts.cycle]).toEqual(["invalid_graph", ["a", "b", "a"]]);
    await expect(office.story()).resolves.toEqual([]);
  });

  test("a shell line where none is allowed", async () => {
    const office = await world().createOffice();
    const { code } = await refusal(send(office, { jobs: [{ key: "a", run: "true" }] }, { allowRun: false }));
    expect(code).toBe("shell_not_allowed");
    await expect(office.jobs()).resolves.toEqual([]);
  });

  test("an archived office, and one that is not there", async () => {
    const office = await world().createOffice();
    await sql(world(), "UPDATE offices SET status = 'archived' WHERE id = $1", [office.id]);
    await expect(refusal(send(office, { jobs: [{ key: "a" }] }))).resolves.toMatchObject({
      code: "office_is_archived",
    });
    await expect(office.jobs()).resolves.toEqual([]);
    await sql(world(), "DELETE FROM offices WHERE id = $1", [office.id]);
    await expect(refusal(send(office, { jobs: [{ key: "a" }] }))).resolves.toMatchObject({ code: "not_found" });
  });
});

describe("how jobs are run", () => {
  const sessionOf = async (office: TestOffice, key: string) => (await office.claim()).get(key)?.session;

  test("the office's word counts for a job that has none, when it starts", async () => {
    const office = await world().createOffice();
    const { warnings } = await submit(office, { jobs: [{ key: "a", role: "BE", cwd: "api", env: { B: "2" } }] });
    expect(warnings).toEqual([expect.stringContaining('job "a" has nothing to run')]);
    const roles = { BE: { command: ["agent"], cwd: "/", env: { A: "1", B: "1" } } };
    await sql(world(), "UPDATE offices SET roles = $2 WHERE id = $1", [office.id, JSON.stringify(roles)]);
    await expect(sessionOf(office, "a")).resolves.toEqual({
      command: ["agent"],
      cwd: "/work/api",
      env: { A: "1", B: "2" },
    });
    const second = await submit(office, { jobs: [{ key: "b", role: "BE" }] });
    expect(second.warnings).toEqual([]);
  });

  test("folders are below that of the office's repository", async () => {
    const office = await world().createOffice();
    await sql(world(), "UPDATE offices SET repo_path = '/repo' WHERE id = $1", [office.id]);
    await submit(office, { jobs: [{ key: "a", run: "true", cwd: "web" }] });
    await expect(sessionOf(office, "a")).resolves.toMatchObject({ cwd: "/repo/web" });
  });
});

describe("a request that comes again", () => {
  const BODY = { jobs: [{ key: "a", command: ["true"], metadata: { z: 1, a: [1, 2] } }] };

  test("gets the first answer, byte for byte", async () => {
    const office = await world().createOffice();
    const first = await send(office, BODY, { idempotencyKey: "1" });
    await office.pass();
    const second = await send(office, BODY, { idempotencyKey: "1" });
    expect([first.isRepeat, second.isRepeat]).toEqual([false, true]);
    expect(second.text).toBe(first.text);
    await expect(office.jobs()).resolves.toHaveLength(1);
  });

  test("even when it could not be carried out any more", async () => {
    const office = await world().createOffice();
    const first = await send(office, BODY, { idempotencyKey: "1" });
    await sql(world(), "UPDATE offices SET status = 'archived' WHERE id = $1", [office.id]);
    await expect(send(office, BODY, { idempotencyKey: "1" })).resolves.toEqual({ isRepeat: true, text: first.text });
  });

  test("another one under its key is refused; under another key, or in another office, it is new", async () => {
    const [office, other] = [await world().createOffice(), await world().createOffice()];
    await send(office, BODY, { idempotencyKey: "1" });
    const another = { jobs: [{ key: "b", command: ["true"] }] };
    await expect(refusal(send(office, another, { idempotencyKey: "1" }))).resolves.toMatchObject({
      code: "idempotency_key_reused",
    });
    await expect(send(office, BODY, { idempotencyKey: "2" })).resolves.toMatchObject({ isRepeat: false });
    await expect(send(other, another, { idempotencyKey: "1" })).resolves.toMatchObject({ isRepeat: false });
    await expect(office.jobs()).resolves.toHaveLength(2);
  });

  test("a refused one leaves its key free", async () => {
    const office = await world().createOffice();
    const missing = newId();
    await refusal(send(office, { jobs: [{ key: "a", depends_on: [missing] }] }, { idempotencyKey: "1" }));
    await expect(send(office, BODY, { idempotencyKey: "1" })).resolves.toMatchObject({ isRepeat: false });
  });

  test("at the same time, from several processes: one is stored, and all get its answer", async () => {
    const own = await setup();
    const office = await own.createOffice();
    for (let round = 0; round < 10; round++) {
      const senders = Array.from({ length: 8 }, () => send(office, BODY, { idempotencyKey: `round ${round}` }));
      const answers = await Promise.all(senders);
      expect(answers.filter(({ isRepeat }) => !isRepeat)).toHaveLength(1);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
    await expect(office.jobs()).resolves.toHaveLength(10);
  });
});

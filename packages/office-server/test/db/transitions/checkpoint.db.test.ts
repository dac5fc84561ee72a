import { type ClaimedJob, runPass } from "office-server/db/transitions/runPass.ts";
import { completed } from "office-server/domain/lifecycle.ts";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { setup, sql, type World } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { type JobSpec, settlementOf, type TestOffice } from "../../../../../test/support/testOffice.ts";

const PASSES = 500;
/** Entries of the indexes that a claim may read, however many are dead: those of a few passes. */
const STEPS_MAX = 100;

/** A snapshot that another program keeps open, so that nothing that dies from now on can be cleared away. */
async function holdSnapshot({ url }: World): Promise<void> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  onTestFinished(() => holder.end());
  await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await holder.query("SELECT count(*) FROM job_queue");
}

const checkpointsOf = (office: TestOffice) =>
  sql(office, "SELECT seq FROM office_checkpoints WHERE office_id = $1", [office.id]);

/** Passes that end what runs and start what comes next. Returns how many entries of the indexes each one has read. */
async function pass({ database, id }: TestOffice, count: number): Promise<number[]> {
  let running: ClaimedJob[] = [];
  const steps: number[] = [];
  const read = "SELECT index_steps()::integer AS steps";
  for (let index = 0; index < count; index++) {
    await database.transaction(async (transaction) => {
      const [before] = await transaction.query<{ steps: number }>("", read);
      const settlements = running.map((job) => settlementOf(job, completed(null)));
      const request = { officeIds: [id], settlements, workerId: "worker", claimsMax: null, taskId: null };
      running = (await runPass(transaction, request)).claimed;
      const [after] = await transaction.query<{ steps: number }>("", read);
      steps.push((after?.steps ?? 0) - (before?.steps ?? 0));
    });
  }
  return steps;
}

describe.each([{ maxConcurrentByRole: {} }, { maxConcurrentByRole: { BE: 2, FE: 2 } }])("with %o", (limits) => {
  test("a claim costs the same, however much has died under a snapshot that is kept open", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxConcurrentJobs: 3, ...limits }, world.connect(1));
    const roles = ["BE", "FE", "QA"];
    const jobs = Array.from(
      { length: 3 * PASSES },
      (_, index) => [`j${index}`, { role: roles[index % 3] ?? "" }] as const,
    );
    await office.submit(Object.fromEntries(jobs));
    await holdSnapshot(world);

    const steps = await pass(office, PASSES);
    expect(Math.max(...steps.slice(-50))).toBeLessThan(STEPS_MAX);
    // Otherwise there would have been nothing to save.
    expect(Math.max(...steps)).toBeGreaterThan(500);
    await expect(checkpointsOf(office)).resolves.toHaveLength(1);
    await expect(problemsOf(office, { office: 3, byRole: limits.maxConcurrentByRole })).resolves.toEqual([]);
  });
});

test.each([
  ["the next of the ready", (): JobSpec => ({})],
  ["the one that waited for it", (index: number): JobSpec => ({ depends_on: index === 0 ? [] : [`j${index - 1}`] })],
])("a slot that goes on to %s does so at the same cost", async (_, jobAt) => {
  const world = await setup();
  const office = await world.createOffice({ maxConcurrentJobs: 1 }, world.connect(1));
  const jobs = Array.from({ length: PASSES + 200 }, (__, index) => [`j${index}`, jobAt(index)] as const);
  await office.submit(Object.fromEntries(jobs));
  await holdSnapshot(world);

  const steps = await pass(office, PASSES + 200);
  expect(Math.max(...steps.slice(-50))).toBeLessThan(STEPS_MAX);
  expect(Math.max(...steps)).toBeGreaterThan(500);
  await expect(problemsOf(office, { office: 1 })).resolves.toEqual([]);
});

test("nobody needs a checkpoint while the dead are cleared away", async () => {
  const world = await setup();
  const office = await world.createOffice({}, world.connect(1));
  await office.submit(Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`j${index}`, {}])));
  await pass(office, 50);
  await expect(checkpointsOf(office)).resolves.toEqual([]);
});

test("what another program changes behind the log's back is found by the next whole look, ten seconds later", async () => {
  const world = await setup({ checkpoints: true });
  const office = await world.createOffice({ maxConcurrentJobs: 1 }, world.connect(1));
  await office.submit({ a: {}, b: {}, c: {}, d: {}, last: { priority: 9 } });
  for (const key of ["a", "b"]) {
    const job = await office.claimOne();
    expect(job.key).toBe(key);
    await office.finish(job);
  }
  await sql(office, "UPDATE job_queue SET priority = -1 WHERE id = $1", [office.idOf("last")]);
  const job = await office.claimOne();
  await office.finish(job);
  await sql(office, "SELECT set_config('office.clock_offset', '11 s', false)");
  const other = await office.claimOne();
  expect([job.key, other.key]).toEqual(["c", "last"]);
});

test("a role's limit holds for what was ready at the checkpoint and what became ready since, taken together", async () => {
  const world = await setup({ checkpoints: true });
  const office = await world.createOffice({ maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 1 } });
  await office.submit({ a: { priority: 5 }, b: { priority: 5 }, c: { priority: 5 } });
  for (const key of ["a", "b"]) {
    const job = await office.claimOne();
    expect(job.key).toBe(key);
    if (key === "b") await office.submit({ d: {}, e: {} });
    await office.finish(job);
  }
  await expect(office.claim()).resolves.toEqual(new Map([["d", expect.anything()]]));
});

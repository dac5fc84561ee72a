import { admitForeignJobs } from "office-server/db/transitions/admitJobs.ts";
import { type ClaimedJob, runPass } from "office-server/db/transitions/runPass.ts";
import { submitTask } from "office-server/db/transitions/submitTask.ts";
import { newlyInvalid } from "office-server/domain/intake.ts";
import { newJobId } from "office-server/platform/ids.ts";
import { expect, test } from "vitest";
import { setupFile, sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

/** Resolves when a statement waits for a lock: it asks the server until one does, or until `action` is over. */
async function untilItWaits(action: Promise<unknown>): Promise<boolean> {
  const progress = { over: false };
  const end = (): void => {
    progress.over = true;
  };
  action.then(end, end);
  const text = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while (!progress.over) if ((await sql(world(), text)).length > 0) return true;
  return false;
}

type Action = (office: TestOffice, running: ClaimedJob) => Promise<unknown>;

const ACTIONS: readonly (readonly [string, Action])[] = [
  ["a pass that claims", (office) => office.pass()],
  ["a pass that settles", (office, running) => office.finish(running)],
  ["a pass over several offices", (office) => office.pass({ officeIds: [office.id, newJobId()] })],
  ["a submission", (office) => office.submit({ another: {} })],
  ["a cancellation", (office) => office.cancel("ready")],
  ["a retry", (office) => office.retry(["failed"])],
  ["taking in rows from elsewhere", (office) => admitForeignJobs(office.database, office.id, newlyInvalid)],
];

test.each(ACTIONS)("%s waits for whoever holds the office, and goes on from what that left", async (_name, act) => {
  const office = await world().createOffice({ maxConcurrentJobs: 5 });
  await office.submit({ failed: {} });
  await office.fail(await office.claimOne());
  await office.submit({ running: {} });
  const running = await office.claimOne();
  await office.submit({ ready: {} });
  await sql(office, "INSERT INTO job_queue (office_id, title) VALUES ($1, 'Foreign')", [office.id]);

  const action = await office.database.transaction(async (transaction) => {
    const job = { id: newJobId(), key: "before", role: "BE", title: "Before", description: null, session: null };
    const jobs = [{ ...job, priority: 0, timeout_ms: null, max_retries: null, depends_on: [] }];
    await submitTask(transaction, { id: newJobId(), officeId: office.id, title: null, planPath: null, jobs });
    const started = act(office, running);
    await expect(untilItWaits(started)).resolves.toBe(true);
    return { started };
  });
  await action.started;
  expect((await office.events()).length).toBeGreaterThan(0);
  await admitForeignJobs(office.database, office.id, newlyInvalid);
  await expect(problemsOf(office, { office: 5 })).resolves.toEqual([]);
});

test("a pass counts what runs after it has got its turn, not before", async () => {
  const office = await world().createOffice({ maxConcurrentJobs: 1 });
  const first = await office.submit({ a: {} });
  const second = await office.submit({ b: {} });
  const usual = { officeIds: [office.id], settlements: [], workerId: "worker", claimsMax: null };
  const { pass } = await office.database.transaction(async (transaction) => {
    const { claimed } = await runPass(transaction, { ...usual, taskId: first });
    expect(claimed).toHaveLength(1);
    const started = office.pass({ taskId: second });
    await untilItWaits(started);
    return { pass: started };
  });
  await expect(pass).resolves.toMatchObject({ claimed: [] });
});

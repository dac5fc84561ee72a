import { DEFAULT_CONFIG } from "office-contract/config.ts";
import { JOB_STATES, type JobState } from "office-contract/vocabulary.ts";
import { newJobId } from "office-server/platform/ids.ts";
import { isLegalTransition } from "office-server/domain/lifecycle.ts";
import { expect, test } from "vitest";
import { setupFile, sql } from "../../../../test/support/scheduler.ts";

const world = setupFile();

/** What a row in a state must have besides it. */
const readyAt = (state: JobState): Date | null => (state === "ready" ? new Date(0) : null);

test("the database allows exactly the transitions of domain/lifecycle.ts", async () => {
  const office = await world().createOffice();
  const pairs = JOB_STATES.flatMap((from) => JOB_STATES.map((to) => ({ from, to, id: newJobId() })));
  for (const { from, id } of pairs) {
    await sql(
      world(),
      "INSERT INTO job_queue (id, office_id, title, admitted, status, ready_at) VALUES ($1, $2, 'A job', true, $3, $4)",
      [id, office.id, from, readyAt(from)],
    );
  }

  const verdicts = await Promise.all(
    pairs.map(async ({ from, to, id }) => {
      const change = sql(world(), "UPDATE job_queue SET status = $2, ready_at = $3 WHERE id = $1", [
        id,
        to,
        readyAt(to),
      ]);
      const refusal = await change.then(
        () => null,
        (error: Error) => error.message,
      );
      return { from, to, refusal };
    }),
  );

  expect(verdicts).toHaveLength(49);
  const expected = pairs.map(({ from, to, id }) => {
    const stays = from === to;
    return {
      from,
      to,
      refusal: stays || isLegalTransition(from, to) ? null : `job ${id} may not go from ${from} to ${to}`,
    };
  });
  expect(verdicts).toEqual(expected);
});

test.each([
  ["with a dependency that is not done", "unmet_count = 1", "status = 'processing', attempt = 1"],
  ["without being an attempt", "unmet_count = 1", "status = 'processing', unmet_count = 0"],
  ["while it waits for more than one", "unmet_count = 2", "status = 'processing', unmet_count = 0, attempt = 1"],
  [
    "without having been taken in",
    "unmet_count = 1, admitted = false",
    "status = 'processing', unmet_count = 0, attempt = 1",
  ],
])("no pending job starts %s", async (_, before, change) => {
  const office = await world().createOffice();
  const id = newJobId();
  const text = "INSERT INTO job_queue (id, office_id, title, admitted) VALUES ($1, $2, 'A job', true)";
  await sql(world(), text, [id, office.id]);
  await sql(world(), `UPDATE job_queue SET ${before} WHERE id = $1`, [id]);
  const start = sql(world(), `UPDATE job_queue SET ${change} WHERE id = $1`, [id]);
  await expect(start).rejects.toThrow(`job ${id} may not go from pending to processing`);
});

test("no other state can be stored", async () => {
  const office = await world().createOffice();
  const insertion = sql(world(), "INSERT INTO job_queue (office_id, title, status) VALUES ($1, 'A job', 'paused')", [
    office.id,
  ]);
  await expect(insertion).rejects.toThrow(/job_status/);
});

test("an office gets the settings that the contract names as default", async () => {
  const [office] = await sql(
    world(),
    "INSERT INTO offices (name) VALUES ('new') RETURNING scheduler_config, max_concurrent_jobs",
  );
  expect(office).toEqual({
    scheduler_config: DEFAULT_CONFIG,
    max_concurrent_jobs: DEFAULT_CONFIG.maxConcurrentJobs,
  });
});

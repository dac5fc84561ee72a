import fc from "fast-check";
import { expect, test } from "vitest";
import { setup, sql } from "../../../../../test/support/scheduler.ts";
import { type Behaviour, endsSoon, type ScriptedSession } from "../../../../../test/support/scriptedRuntime.ts";
import { type ConcurrencyLimits, problemsOf } from "../../../../../test/support/soundness.ts";
import type { JobSpec } from "../../../../../test/support/testOffice.ts";

const WORKERS = 4;

/** Watches the sessions of all workers: what runs at the same time, and what breaks a limit. */
function createWatch(limits: ConcurrencyLimits, behaviour: Behaviour) {
  const live = new Set<ScriptedSession>();
  const broken: string[] = [];
  const starts = new Map<string, number>();
  let most = 0;
  const onStart = (session: ScriptedSession): void => {
    const { role, jobId } = session.request;
    live.add(session);
    starts.set(jobId, (starts.get(jobId) ?? 0) + 1);
    most = Math.max(most, live.size);
    const ofRole = [...live].filter(({ request }) => request.role === role).length;
    if (live.size > limits.office) broken.push(`${live.size} sessions`);
    if (ofRole > (limits.byRole?.[role] ?? Infinity)) broken.push(`${ofRole} sessions of ${role}`);
    behaviour.onStart?.({
      ...session,
      end: (outcome) => {
        live.delete(session);
        session.end(outcome);
      },
    });
  };
  return { behaviour: { onStart }, starts, broken, most: () => most };
}

const randomTurns = (() => {
  let seed = 1;
  return () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % 12;
  };
})();

test("several workers on one office keep within its limits at every instant, and run every job once", async () => {
  const limits = { office: 5, byRole: { BE: 2, QA: 1 } };
  const { createOffice, startWorker, whenEnded } = await setup();
  const office = await createOffice({ maxConcurrentJobs: limits.office, maxConcurrentByRole: limits.byRole });
  const roles = ["BE", "FE", "QA", "PO"];
  const jobs = Array.from({ length: 400 }, (_, index): [string, JobSpec] => [
    `job-${index}`,
    { role: roles[index % roles.length] ?? "BE", priority: index % 3 },
  ]);
  await office.submit(Object.fromEntries(jobs));
  const watch = createWatch(limits, endsSoon(randomTurns));
  const ended = whenEnded(office, jobs.length);
  await Promise.all(Array.from({ length: WORKERS }, () => startWorker(watch.behaviour)));
  await ended;

  expect(watch.broken).toEqual([]);
  expect(watch.most()).toBe(limits.office);
  expect([watch.starts.size, Math.max(...watch.starts.values())]).toEqual([jobs.length, 1]);
  await expect(problemsOf(office, limits)).resolves.toEqual([]);
});

test("several workers share several offices, each within its own limit", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  const offices = await Promise.all([1, 2, 3, 4, 5].map((maxConcurrentJobs) => createOffice({ maxConcurrentJobs })));
  const jobs = Object.fromEntries(Array.from({ length: 40 }, (_, index): [string, JobSpec] => [`job-${index}`, {}]));
  for (const office of offices) await office.submit(jobs);
  const ended = Promise.all(offices.map((office) => whenEnded(office, 40)));
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(endsSoon(randomTurns))));
  await ended;
  for (const [index, office] of offices.entries()) {
    await expect(problemsOf(office, { office: index + 1 })).resolves.toEqual([]);
  }
  expect(workers.flatMap(({ runtime }) => runtime.starts)).toHaveLength(200);
  expect(workers.flatMap(({ warnings }) => warnings).join("")).toBe("");
});

test("any graph runs to its end on several workers, with every dependency respected", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  await Promise.all(Array.from({ length: 3 }, () => startWorker(endsSoon(randomTurns))));
  const graph = fc
    .array(fc.array(fc.nat({ max: 99 }), { maxLength: 4 }), { minLength: 1, maxLength: 40 })
    .map((edges) =>
      edges.map((picks, index): [string, JobSpec] => [
        `job-${index}`,
        { depends_on: index === 0 ? [] : [...new Set(picks.map((pick) => `job-${pick % index}`))] },
      ]),
    );
  await fc.assert(
    fc.asyncProperty(graph, async (jobs) => {
      const office = await createOffice({ maxConcurrentJobs: 4 });
      const ended = whenEnded(office, jobs.length);
      const { loop } = await startWorker(endsSoon(randomTurns));
      await office.submit(Object.fromEntries(jobs));
      loop.wake(office.id);
      await ended;
      await loop.stop();
      const states = await office.states();
      expect(new Set(Object.values(states))).toEqual(new Set(["done"]));
      await expect(problemsOf(office, { office: 4 })).resolves.toEqual([]);
    }),
    { numRuns: 15 },
  );
});

test("a database whose transactions see the past by default breaks no limit", async () => {
  const { url, database, createOffice, startWorker, whenEnded } = await setup();
  const name = new URL(url).pathname.slice(1);
  await sql({ database }, `ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`);
  const office = await createOffice({ maxConcurrentJobs: 3 });
  const jobs = Array.from({ length: 100 }, (_, index): [string, JobSpec] => [`job-${index}`, {}]);
  await office.submit(Object.fromEntries(jobs));
  const ended = whenEnded(office, jobs.length);
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(endsSoon(randomTurns))));
  await ended;
  expect(workers.flatMap(({ warnings }) => warnings).join("")).toBe("");
  await expect(problemsOf(office, { office: 3 })).resolves.toEqual([]);
});

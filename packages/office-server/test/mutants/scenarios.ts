import fc from "fast-check";
import type { JobEvent } from "office-contract/events.ts";
import { runPass } from "office-server/db/transitions/runPass.ts";
import { completed, retrying } from "office-server/domain/lifecycle.ts";
import { EventFeed } from "office-server/services/events/EventFeed.ts";
import { expect } from "vitest";
import { findingOf } from "../../../../chaos/history/finding.ts";
import { logIsLegal } from "../../../../chaos/history/invariants/logIsLegal.ts";
import { sql, type World } from "../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../test/support/soundness.ts";
import { settlementOf } from "../../../../test/support/testOffice.ts";
import { Claim, Finish, KillWorker, Submit } from "../model/commands.ts";
import { OfficeModel } from "../model/OfficeModel.ts";
import { LOSSES_MAX, Subject } from "../model/Step.ts";

/** Something that happens, and is judged by the model or a checker. Rejects where it is not as it must be. */
export type Scenario = (world: World) => Promise<void>;

/** The second one gets to the office while the first one has claimed and not committed. */
export const twoClaimAtOnce: Scenario = async (world) => {
  const office = await world.createOffice({ maxConcurrentJobs: 2 });
  // Of two tasks, so that they want no row that the other one wants.
  const tasks = [await office.submit({ a: {}, b: {} }), await office.submit({ c: {}, d: {} })];
  const [taskId = null, otherTaskId = null] = tasks;
  const request = { officeIds: [office.id], settlements: [], workerId: "one", claimsMax: 2, taskId };
  const [one, other] = [world.connect(1), world.connect(1)];
  const pid = (await sql<{ pid: number }>({ database: other }, "SELECT pg_backend_pid() AS pid"))[0]?.pid;
  let second: Promise<unknown> = Promise.resolve();
  await one.transaction(async (transaction) => {
    await runPass(transaction, request);
    second = runPass(other, { ...request, workerId: "other", taskId: otherTaskId });
    const over = { isOver: false };
    const noteEnd = (): void => {
      over.isOver = true;
    };
    second.then(noteEnd, noteEnd);
    // It waits for the first one (for the office, or for a row or a number that both want), or needs no waiting at all.
    while (!over.isOver) {
      const waiting = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'";
      if ((await sql(world, waiting, [pid])).length > 0) break;
    }
  });
  await second;
  await expect(problemsOf(office, { office: 2 })).resolves.toEqual([]);
};

/** More events than are read in one go. */
export const aFollowerReadsALongLog: Scenario = async (world) => {
  const office = await world.createOffice({ maxConcurrentJobs: 1 });
  await office.submit(Object.fromEntries(Array.from({ length: 700 }, (_, index) => [`k${index}`, {}])));
  const seen: JobEvent[] = [];
  await new EventFeed(world.database, office.id, 0, (events) => seen.push(...events)).read();
  const history = {
    offices: [],
    sessions: [],
    calls: [],
    faults: [],
    clock: [],
    events: new Map([[office.id, await office.events()]]),
    followed: new Map([[office.id, seen]]),
    promises: { termGraceMs: 0, leaseMs: 0 },
  };
  expect(findingOf(logIsLegal, history)).toMatchObject({ verdict: "valid", reasons: [] });
};

/** A worker is lost, its job runs again elsewhere, and then it reports after all. */
export const staleReportAfterALoss: Scenario = async (world) => {
  const office = await world.createOffice({ maxConcurrentJobs: 3 });
  const commands: Iterable<fc.AsyncCommand<OfficeModel, Subject>> = [
    new Submit([{ role: "FE", priority: 0, dependsOn: [] }]),
    new Claim("a", 1, false),
    new KillWorker("a"),
    new Claim("b", 1, false),
    new Finish(0, { kind: "completed" }),
  ];
  await fc.asyncModelRun(() => ({ model: new OfficeModel(3, {}, LOSSES_MAX), real: new Subject(office) }), commands);
};

/** A job is to wait for an hour, and a worker comes along whose own clock is two hours ahead. */
export const waitForARetry: Scenario = async (world) => {
  const office = await world.createOffice({ maxConcurrentJobs: 3 });
  await office.submit({ a: {} });
  const a = await office.claimOne();
  const failure = { errorClass: "EXIT_CODE", errorMessage: "no luck", exitCode: 1 } as const;
  await office.pass({ settlements: [settlementOf(a, retrying(failure, 3_600_000))], claimsMax: 0 });
  const ahead = world.connect(1);
  await sql({ database: ahead }, "SET application_name = 'ahead'");
  const request = { officeIds: [office.id], settlements: [], workerId: "ahead", claimsMax: null, taskId: null };
  const { claimed } = await runPass(ahead, request);
  expect(claimed).toEqual([]);
  await expect(problemsOf(office)).resolves.toEqual([]);
};

/** Of the two jobs that one depends on, one is done. */
export const dependenciesOfTwo: Scenario = async (world) => {
  const office = await world.createOffice({ maxConcurrentJobs: 3 });
  const job = (dependsOn: number[]) => ({ role: "FE", priority: 0, dependsOn });
  const commands: Iterable<fc.AsyncCommand<OfficeModel, Subject>> = [
    new Submit([job([]), job([]), job([0, 1])]),
    new Claim("a", 1, false),
    new Finish(0, { kind: "completed" }),
    new Claim("a", 3, false),
  ];
  await fc.asyncModelRun(() => ({ model: new OfficeModel(3, {}, LOSSES_MAX), real: new Subject(office) }), commands);
};

/** Of the two jobs that one depends on, one is done and the other one runs; and the slot is free again. */
export const aSlotIsFreeTooSoon: Scenario = async (world) => {
  const office = await world.createOffice({ maxConcurrentJobs: 3 });
  await office.submit({ a: {}, b: {}, c: { depends_on: ["a", "b"] } });
  const [a] = (await office.claim()).values();
  if (a === undefined) throw new Error("a was to start");
  await office.pass({ settlements: [settlementOf(a, completed(null))] });
  await expect(problemsOf(office, { office: 3 })).resolves.toEqual([]);
};

import fc from "fast-check";
import { readyJobs } from "office-server/db/queries/readyJobs.ts";
import { setPriority } from "office-server/db/transitions/jobControls.ts";
import { lockOffices } from "office-server/db/transitions/lockOffices.ts";
import { type ClaimedJob, runPass } from "office-server/db/transitions/runPass.ts";
import { declareLost, registerWorker, renewWorker, workerSigns } from "office-server/db/workerRows.ts";
import { completed, type Exit, failed, interrupted, retrying, timedOut } from "office-server/domain/lifecycle.ts";
import { newId } from "office-server/platform/ids.ts";
import { lostClaims } from "office-server/services/scheduler/lostClaims.ts";
import { settleLosses } from "office-server/services/scheduler/workerLosses.ts";
import { expect } from "vitest";
import { sql } from "../../../../test/support/scheduler.ts";
import { settlementOf, type TestOffice } from "../../../../test/support/testOffice.ts";
import type { ModelEnd, OfficeModel } from "./OfficeModel.ts";

export const LOSSES_MAX = 2;

/** The real thing: an office, workers that claim in it, and what they were told. */
export class Subject {
  readonly office: TestOffice;
  /** The current incarnation of each worker. */
  readonly workers = new Map<string, string>();
  /** All executions that a worker was told of, over or not. */
  readonly claims: ClaimedJob[] = [];
  made = 0;

  constructor(office: TestOffice) {
    this.office = office;
  }

  async workerId(name: string): Promise<string> {
    const known = this.workers.get(name);
    if (known !== undefined) return known;
    const id = `${name}-${newId()}`;
    await registerWorker(this.office.database, { id, version: "1", leaseMs: 1, taskId: null });
    this.workers.set(name, id);
    return id;
  }
}

type Command = fc.AsyncCommand<OfficeModel, Subject>;

abstract class Step implements Command {
  check(): boolean {
    return true;
  }

  async run(model: OfficeModel, subject: Subject): Promise<void> {
    await this.act(model, subject);
    await compare(model, subject);
  }

  protected abstract act(model: OfficeModel, subject: Subject): Promise<void>;
  abstract toString(): string;
}

/** Everything that can be seen of the database, held against the model. */
async function compare(model: OfficeModel, { office }: Subject): Promise<void> {
  const jobs = await office.jobs();
  const seen = Object.fromEntries(
    jobs.map((job) => [job.key, [job.status, job.attempt, job.retry_count, job.priority]]),
  );
  const expected = Object.fromEntries(
    [...model.jobs.values()].map((job) => [job.key, [job.state, job.attempt, job.retries, job.priority]]),
  );
  expect(seen).toEqual(expected);
  const live = (await office.executions()).filter(({ ended_at: at }) => at === null);
  expect(live.map(({ job_id: id, attempt }) => `${office.keysOf([id])[0]}#${attempt}`).toSorted()).toEqual(
    model.executions.map(({ key, attempt }) => `${key}#${attempt}`).toSorted(),
  );
  const ready = await readyJobs(office.database, office.id, 1_000);
  expect(ready.map(({ key }) => key)).toEqual(model.readyKeys);
}

const pickKey = (model: OfficeModel, which: number): string | null =>
  [...model.jobs.keys()][which % Math.max(model.jobs.size, 1)] ?? null;

export class Submit extends Step {
  readonly #jobs: readonly { role: string; priority: number; dependsOn: number[] }[];

  constructor(jobs: readonly { role: string; priority: number; dependsOn: number[] }[]) {
    super();
    this.#jobs = jobs;
  }

  protected async act(model: OfficeModel, subject: Subject): Promise<void> {
    const known = [...model.jobs.keys()];
    const jobs = this.#jobs.map(({ role, priority, dependsOn }) => {
      const keys = [...new Set(dependsOn.flatMap((which) => known[which % Math.max(known.length, 1)] ?? []))];
      const key = `k${subject.made++}`;
      known.push(key);
      return { key, role, priority, dependsOn: keys };
    });
    model.submit(jobs);
    const specs = jobs.map(({ key, role, priority, dependsOn }) => [key, { role, priority, depends_on: dependsOn }]);
    await subject.office.submit(Object.fromEntries(specs));
  }

  override toString = (): string => `submit ${JSON.stringify(this.#jobs)}`;
}

export class Claim extends Step {
  readonly #worker: string;
  readonly #max: number;
  /** The pass takes effect, and its answer does not come. */
  readonly #isLost: boolean;

  constructor(worker: string, max: number, isLost: boolean) {
    super();
    this.#worker = worker;
    this.#max = max;
    this.#isLost = isLost;
  }

  protected async act(model: OfficeModel, subject: Subject): Promise<void> {
    const { office } = subject;
    const workerId = await subject.workerId(this.#worker);
    const started = model.claim(this.#worker, this.#max);
    const { claimed } = await office.pass({ workerId, claimsMax: this.#max });
    expect(claimed.map(({ key }) => key)).toEqual(started);
    const last = subject.claims.at(-1);
    for (const { fencing_token: token } of claimed)
      expect(BigInt(token)).toBeGreaterThan(BigInt(last?.fencing_token ?? 0));
    if (!this.#isLost) {
      subject.claims.push(...claimed);
      return;
    }
    // Then the worker looks, under the lock, what it has that it does not know of.
    const known = new Set(subject.claims.map(({ execution_id: id }) => id));
    await office.database.transaction(async (transaction) => {
      await lockOffices(transaction, [office.id]);
      const owner = { workerId, officeIds: [office.id], isUnheardOf: (id: string) => !known.has(id) };
      const settlements = await lostClaims(transaction, owner);
      await runPass(transaction, { officeIds: [office.id], settlements, workerId, claimsMax: 0, taskId: null });
    });
    for (const { key, attempt } of [...model.executions]) {
      if (claimed.some((job) => job.key === key && job.attempt === attempt))
        model.finish(key, attempt, { kind: "interrupted" });
    }
  }

  override toString = (): string => `${this.#worker} claims ${this.#max}${this.#isLost ? ", and is not told" : ""}`;
}

export class Finish extends Step {
  readonly #which: number;
  readonly #end: ModelEnd;

  constructor(which: number, end: ModelEnd) {
    super();
    this.#which = which;
    this.#end = end;
  }

  /** Of all executions that there ever were: most reports are stale. */
  protected async act(model: OfficeModel, subject: Subject): Promise<void> {
    const job = subject.claims[this.#which % Math.max(subject.claims.length, 1)];
    if (job === undefined) return;
    const isTaken = model.finish(job.key ?? "", job.attempt, this.#end);
    model.claim("nobody", 0);
    const { settled } = await subject.office.settle(job, exitOf(this.#end));
    expect(settled).toEqual(isTaken ? [job.execution_id] : []);
  }

  override toString = (): string => `report ${this.#which} ${JSON.stringify(this.#end)}`;
}

class Forge extends Step {
  readonly #which: number;

  constructor(which: number) {
    super();
    this.#which = which;
  }

  /** With the token of another time, a report about what runs changes nothing. */
  protected async act(model: OfficeModel, subject: Subject): Promise<void> {
    const job = subject.claims[this.#which % Math.max(subject.claims.length, 1)];
    if (job === undefined) return;
    const forged = { ...settlementOf(job, completed(null)), fencingToken: String(BigInt(job.fencing_token) + 1n) };
    model.claim("nobody", 0);
    await expect(subject.office.pass({ settlements: [forged], claimsMax: 0 })).resolves.toMatchObject({ settled: [] });
  }

  override toString = (): string => `forge ${this.#which}`;
}

class Control extends Step {
  readonly #what: "cancel" | "retry" | "retry alone" | "prioritise";
  readonly #which: number;

  constructor(what: "cancel" | "retry" | "retry alone" | "prioritise", which: number) {
    super();
    this.#what = what;
    this.#which = which;
  }

  protected async act(model: OfficeModel, { office }: Subject): Promise<void> {
    const key = pickKey(model, this.#which);
    if (key === null) return;
    if (this.#what === "prioritise") {
      model.prioritise(key, this.#which);
      await setPriority(office.database, office.id, office.idOf(key), this.#which);
    } else if (this.#what === "cancel") {
      const cancelled = model.cancel(key);
      expect(office.keysOf((await office.cancel(key)).cancelled)).toEqual(cancelled);
    } else {
      const downstream = this.#what === "retry";
      const back = model.retry(key, downstream);
      expect(await office.retry([key], { downstream })).toEqual(back);
    }
  }

  override toString = (): string => `${this.#what} ${this.#which}`;
}

export class KillWorker extends Step {
  readonly #worker: string;

  constructor(worker: string) {
    super();
    this.#worker = worker;
  }

  protected async act(model: OfficeModel, subject: Subject): Promise<void> {
    const { database, id: officeId } = subject.office;
    const id = await subject.workerId(this.#worker);
    const sign = (await workerSigns(database)).find((worker) => worker.id === id);
    if (sign === undefined) throw new Error(`worker ${id} has no row`);
    await expect(declareLost(database, sign)).resolves.toBe(true);
    await settleLosses(database, { officeId, workerId: "reaper", lossesMax: LOSSES_MAX });
    const wasRunning = model.executions.some((execution) => execution.worker === this.#worker);
    model.loseWorker(this.#worker);
    // Where nothing was lost no pass was made, and nothing that is due was looked for.
    if (wasRunning) model.claim("nobody", 0);
    // It is lost for good; whoever comes under this name is somebody else.
    await expect(renewWorker(database, id)).resolves.toBe(false);
    subject.workers.delete(this.#worker);
  }

  override toString = (): string => `lose ${this.#worker}`;
}

class Heartbeat extends Step {
  readonly #worker: string;

  constructor(worker: string) {
    super();
    this.#worker = worker;
  }

  protected async act(_model: OfficeModel, subject: Subject): Promise<void> {
    await expect(renewWorker(subject.office.database, await subject.workerId(this.#worker))).resolves.toBe(true);
  }

  override toString = (): string => `${this.#worker} is alive`;
}

class Configure extends Step {
  readonly #limit: number;
  readonly #roleLimit: number;
  readonly #paused: boolean;

  constructor(limit: number, roleLimit: number, paused: boolean) {
    super();
    this.#limit = limit;
    this.#roleLimit = roleLimit;
    this.#paused = paused;
  }

  protected async act(model: OfficeModel, { office }: Subject): Promise<void> {
    model.limit = this.#limit;
    model.roleLimits = { BE: this.#roleLimit };
    model.paused = this.#paused;
    const config = { maxConcurrentJobs: this.#limit, maxConcurrentByRole: { BE: this.#roleLimit } };
    await sql(office, "UPDATE offices SET scheduler_config = scheduler_config || $2, status = $3 WHERE id = $1", [
      office.id,
      config,
      this.#paused ? "paused" : "active",
    ]);
  }

  override toString = (): string => `limits ${this.#limit} and ${this.#roleLimit}${this.#paused ? ", paused" : ""}`;
}

class PassTime extends Step {
  readonly #hours: number;

  constructor(hours: number) {
    super();
    this.#hours = hours;
  }

  protected async act(model: OfficeModel, { office }: Subject): Promise<void> {
    model.nowMs += this.#hours * 3_600_000;
    await sql(office, "SELECT set_config('office.clock_offset', $1, false)", [`${model.nowMs} ms`]);
  }

  override toString = (): string => `${this.#hours} h pass`;
}

const failure = { errorClass: "EXIT_CODE", errorMessage: "no luck", exitCode: 1 } as const;

function exitOf(end: ModelEnd): Exit {
  switch (end.kind) {
    case "completed":
      return completed(null);
    case "failed":
      return failed(failure);
    case "timed out":
      return timedOut({ ...failure, errorClass: "TIMEOUT" });
    case "interrupted":
      return interrupted();
    case "retrying":
      return retrying(failure, end.delayMs);
  }
}

const which = fc.nat({ max: 40 });
const worker = fc.constantFrom("a", "b", "c");
const end: fc.Arbitrary<ModelEnd> = fc.oneof(
  fc.constantFrom<ModelEnd>({ kind: "completed" }, { kind: "completed" }, { kind: "failed" }, { kind: "timed out" }),
  fc.constantFrom<ModelEnd>({ kind: "interrupted" }, { kind: "retrying", delayMs: 0 }),
  fc.constant<ModelEnd>({ kind: "retrying", delayMs: 3_600_000 }),
);
const job = fc.record({
  role: fc.constantFrom("BE", "FE"),
  priority: fc.integer({ min: -2, max: 2 }),
  dependsOn: fc.array(which, { maxLength: 3 }),
});

/** Everything that may happen, in any order. */
export const anyCommands = fc.commands<OfficeModel, Subject, false>(
  [
    fc.array(job, { minLength: 1, maxLength: 4 }).map((jobs) => new Submit(jobs)),
    fc.tuple(worker, fc.integer({ min: 1, max: 4 })).map(([name, max]) => new Claim(name, max, false)),
    fc.tuple(worker, fc.integer({ min: 1, max: 4 })).map(([name, max]) => new Claim(name, max, true)),
    fc.tuple(worker, fc.constant(10)).map(([name, max]) => new Claim(name, max, false)),
    fc.tuple(which, end).map(([number, how]) => new Finish(number, how)),
    fc.tuple(which, end).map(([number, how]) => new Finish(number, how)),
    which.map((number) => new Forge(number)),
    which.map((number) => new Control("cancel", number)),
    which.map((number) => new Control("retry", number)),
    which.map((number) => new Control("retry alone", number)),
    which.map((number) => new Control("prioritise", number)),
    worker.map((name) => new KillWorker(name)),
    worker.map((name) => new Heartbeat(name)),
    fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.boolean())
      .map(([limit, role, paused]) => new Configure(limit, role, paused)),
    fc.integer({ min: 1, max: 2 }).map((hours) => new PassTime(hours)),
  ],
  { maxCommands: 40, size: "max" },
);

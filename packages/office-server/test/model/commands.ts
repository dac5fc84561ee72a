import assert from "node:assert/strict";
import { setPriority } from "office-server/db/transitions/jobControls.ts";
import { lockOffices } from "office-server/db/transitions/lockOffices.ts";
import { runPass } from "office-server/db/transitions/runPass.ts";
import { declareLost, renewWorker, workerSigns } from "office-server/db/workerRows.ts";
import { completed, type Exit, failed, interrupted, retrying, timedOut } from "office-server/domain/lifecycle.ts";
import { lostClaims } from "office-server/services/scheduler/lostClaims.ts";
import { settleLosses } from "office-server/services/scheduler/workerLosses.ts";
import { sql } from "../../../../test/support/scheduler.ts";
import { settlementOf } from "../../../../test/support/testOffice.ts";
import type { ModelEnd, OfficeModel } from "./OfficeModel.ts";
import { LOSSES_MAX, Step, type Subject } from "./Step.ts";

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
    assert.deepEqual(
      claimed.map(({ key }) => key),
      started,
    );
    const last = subject.claims.at(-1);
    for (const { fencing_token: token } of claimed)
      assert.ok(BigInt(token) > BigInt(last?.fencing_token ?? 0), "tokens rise");
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
    for (const { key, attempt } of model.executions.slice()) {
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
    assert.deepEqual(settled, isTaken ? [job.execution_id] : []);
  }

  override toString = (): string => `report ${this.#which} ${JSON.stringify(this.#end)}`;
}

export class Forge extends Step {
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
    assert.deepEqual((await subject.office.pass({ settlements: [forged], claimsMax: 0 })).settled, []);
  }

  override toString = (): string => `forge ${this.#which}`;
}

export class Control extends Step {
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
      assert.deepEqual(office.keysOf((await office.cancel(key)).cancelled), cancelled);
    } else {
      const downstream = this.#what === "retry";
      const back = model.retry(key, downstream);
      assert.deepEqual(await office.retry([key], { downstream }), back);
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
    assert.equal(await declareLost(database, sign), true);
    await settleLosses(database, { officeId, workerId: "reaper", lossesMax: LOSSES_MAX });
    const wasRunning = model.executions.some((execution) => execution.worker === this.#worker);
    model.loseWorker(this.#worker);
    // Where nothing was lost no pass was made, and nothing that is due was looked for.
    if (wasRunning) model.claim("nobody", 0);
    // It is lost for good; whoever comes under this name is somebody else.
    assert.equal(await renewWorker(database, id), false);
    subject.workers.delete(this.#worker);
  }

  override toString = (): string => `lose ${this.#worker}`;
}

export class Heartbeat extends Step {
  readonly #worker: string;

  constructor(worker: string) {
    super();
    this.#worker = worker;
  }

  protected async act(_model: OfficeModel, subject: Subject): Promise<void> {
    assert.equal(await renewWorker(subject.office.database, await subject.workerId(this.#worker)), true);
  }

  override toString = (): string => `${this.#worker} is alive`;
}

export class Configure extends Step {
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

export class PassTime extends Step {
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

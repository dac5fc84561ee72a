import assert from "node:assert/strict";
import type fc from "fast-check";
import { readyJobs } from "office-server/db/queries/readyJobs.ts";
import type { ClaimedJob } from "office-server/db/transitions/runPass.ts";
import { registerWorker } from "office-server/db/workerRows.ts";
import { newId } from "office-server/platform/ids.ts";
import type { TestOffice } from "../../../../test/support/testOffice.ts";
import type { OfficeModel } from "./OfficeModel.ts";

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
    await registerWorker(this.office.database, { id, version: "1", leaseMs: 1, taskId: null, sessionsDirectory: "/" });
    this.workers.set(name, id);
    return id;
  }
}

type Command = fc.AsyncCommand<OfficeModel, Subject>;

export abstract class Step implements Command {
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
    jobs.map((job) => {
      const [causedBy = null] = job.caused_by === null ? [] : office.keysOf([job.caused_by]);
      return [job.key, [job.status, job.attempt, job.retry_count, job.priority, causedBy, job.run_at !== null]];
    }),
  );
  const expected = Object.fromEntries(
    [...model.jobs.values()].map((job) => [
      job.key,
      [job.state, job.attempt, job.retries, job.priority, job.causedBy, job.dueMs !== null],
    ]),
  );
  assert.deepEqual(seen, expected);
  const live = (await office.executions()).filter(({ ended_at: at }) => at === null);
  assert.deepEqual(
    live.map(({ job_id: id, attempt }) => `${office.keysOf([id])[0]}#${attempt}`).toSorted(),
    model.executions.map(({ key, attempt }) => `${key}#${attempt}`).toSorted(),
  );
  const ready = await readyJobs(office.database, office.id, 1_000);
  assert.deepEqual(
    ready.map(({ key }) => key),
    model.readyKeys,
  );
}

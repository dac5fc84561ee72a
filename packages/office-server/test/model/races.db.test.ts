import { setPriority } from "office-server/db/transitions/jobControls.ts";
import { cancelJobs } from "office-server/db/transitions/cancelJobs.ts";
import { retryJobs } from "office-server/db/transitions/retryJobs.ts";
import { type ClaimedJob, runPass } from "office-server/db/transitions/runPass.ts";
import { declareLost, registerWorker, workerSigns } from "office-server/db/workerRows.ts";
import { completed, failed, interrupted, retrying } from "office-server/domain/lifecycle.ts";
import { newId } from "office-server/platform/ids.ts";
import { settleLosses } from "office-server/services/scheduler/workerLosses.ts";
import type { Database } from "office-server/db/connection.ts";
import { expect, test } from "vitest";
import { setup, sql } from "../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../test/support/soundness.ts";
import { settlementOf, type TestOffice } from "../../../../test/support/testOffice.ts";

const CONNECTIONS = 16;
const STEPS = 30;
const LIMIT_MAX = 6;
const failure = { errorClass: "EXIT_CODE", errorMessage: "no luck", exitCode: 1 } as const;

const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(Math.random() * from.length)];

/** One of those who all want something of the same offices at the same time. */
class Rival {
  readonly #database: Database;
  readonly #offices: readonly TestOffice[];
  readonly #jobIds: readonly string[];
  readonly claims: ClaimedJob[] = [];
  #workerId = newId();

  constructor(database: Database, offices: readonly TestOffice[], jobIds: readonly string[]) {
    this.#database = database;
    this.#offices = offices;
    this.#jobIds = jobIds;
  }

  async work(): Promise<void> {
    await this.#register();
    for (let step = 0; step < STEPS; step++) await this.#step();
  }

  async #register(): Promise<void> {
    const worker = { id: this.#workerId, version: "1", leaseMs: 1, taskId: null, sessionsDirectory: "/" };
    await registerWorker(this.#database, worker);
  }

  async #step(): Promise<void> {
    const office = pick(this.#offices);
    const jobId = pick(this.#jobIds);
    if (office === undefined || jobId === undefined) return;
    const luck = Math.random();
    if (luck < 0.55) await this.#pass(office);
    else if (luck < 0.65) await setPriority(this.#database, office.id, jobId, Math.floor(Math.random() * 9));
    else if (luck < 0.75) await cancelJobs(this.#database, office.id, [jobId], "not wanted");
    else if (luck < 0.85) await retryJobs(this.#database, office.id, [jobId], { downstream: Math.random() < 0.5 });
    else if (luck < 0.95) await this.#limit(office);
    else await this.#die();
  }

  /** Reports what it has, over or not, and takes what it gets. */
  async #pass(office: TestOffice): Promise<void> {
    const own = this.claims.filter(({ office_id: id }) => id === office.id);
    const ends = new Map(own.filter(() => Math.random() < 0.5).map((job) => [job.job_id, job]));
    const exit = pick([completed(null), completed(null), failed(failure), retrying(failure, 0), interrupted()]);
    if (exit === undefined) return;
    const settlements = [...ends.values()].map((job) => settlementOf(job, exit));
    const request = { officeIds: [office.id], settlements, workerId: this.#workerId, claimsMax: 3, taskId: null };
    this.claims.push(...(await runPass(this.#database, request)).claimed);
  }

  async #limit({ id }: TestOffice): Promise<void> {
    const limit = 1 + Math.floor(Math.random() * LIMIT_MAX);
    await this.#database.query(
      "",
      "UPDATE offices SET scheduler_config = scheduler_config || jsonb_build_object('maxConcurrentJobs', $2::integer) WHERE id = $1",
      [id, limit],
    );
  }

  /** Is declared lost while its last words may be on their way. */
  async #die(): Promise<void> {
    const sign = (await workerSigns(this.#database)).find(({ id }) => id === this.#workerId);
    if (sign !== undefined) await declareLost(this.#database, sign);
    this.#workerId = newId();
    await this.#register();
    for (const { id: officeId } of this.#offices) {
      await settleLosses(this.#database, { officeId, workerId: "reaper", lossesMax: 1_000 });
    }
  }
}

test.each([
  { name: "a history that is sound", checkpoints: false },
  { name: "one that is sound where they go by checkpoints", checkpoints: true },
])("16 connections that all want something of the same offices leave $name", async ({ checkpoints }) => {
  const world = await setup({ checkpoints });
  const config = { maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 2 } };
  const offices = [await world.createOffice(config), await world.createOffice(config)];
  for (const office of offices) {
    const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
    await office.submit(
      Object.fromEntries(
        keys.map((key, index) => [
          key,
          { role: index % 3 === 0 ? "BE" : "FE", depends_on: index % 4 === 0 ? [] : [`k${index - 1}`] },
        ]),
      ),
    );
  }
  const ids = (await Promise.all(offices.map((office) => office.jobs()))).flat().map(({ id }) => id);
  const rivals = Array.from({ length: CONNECTIONS }, () => new Rival(world.connect(1), offices, ids));
  await Promise.all(rivals.map((rival) => rival.work()));

  const limits = { office: LIMIT_MAX, byRole: { BE: 2 } };
  for (const office of offices) await expect(problemsOf(office, limits)).resolves.toEqual([]);
  const tokens = rivals.flatMap(({ claims }) => claims.map(({ fencing_token: token }) => token));
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(tokens.length).toBeGreaterThan(CONNECTIONS);
  // Each execution was given to one of them alone.
  const [row] = await sql<{ executions: number }>(world, "SELECT count(*)::integer AS executions FROM job_executions");
  expect(row?.executions).toBe(tokens.length);
});

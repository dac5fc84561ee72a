import type { Database } from "office-server/db/connection.ts";
import { lockOffices } from "office-server/db/transitions/lockOffices.ts";
import { deleteExpired } from "office-server/services/retention/deleteExpired.ts";
import { addFinishedJobs } from "./backlog.ts";
import { atMost, type Figure, perSecond, percentile } from "./figures.ts";
import type { BenchServer } from "./world.ts";

const FINISHED = 1_000_000;
/** The jobs are from 11 to 23 days old. */
const NONE_DAYS = 30;
const TENTH_DAYS = 22;
const OUTPUT_BYTES = 100_000;
const IDLE_MS_MAX = 100;
const LOCK_MS_MAX = 100;

/** What it costs to look for what is old, and whether anybody notices when it is deleted. */
export async function retention(server: BenchServer): Promise<Figure[]> {
  const database = await server.createDatabase();
  try {
    await addFinishedJobs(database, FINISHED);
    await addOutput(database);
    await deleteExpired(database, { days: NONE_DAYS }); // The first time counts every job.
    const idle = await timed(() => deleteExpired(database, { days: NONE_DAYS }));
    const waits = new LockWaits(database);
    await waits.start();
    const deletion = await timed(() => deleteExpired(database, { days: TENTH_DAYS }));
    const lockMs = await waits.stop();
    const { jobs, events } = deletion.result;
    return [
      {
        name: "retention: nothing to do among 1,000,000 finished jobs",
        value: `${idle.ms.toFixed(1)} ms`,
        target: atMost(idle.ms, IDLE_MS_MAX, `${IDLE_MS_MAX} ms`),
      },
      { name: `retention: ${jobs} jobs, ${events} events deleted`, value: perSecond((jobs / deletion.ms) * 1_000) },
      {
        name: "retention: wait for the office's lock meanwhile, p99, longest",
        value: `${percentile(lockMs, 0.99).toFixed(1)}, ${Math.max(...lockMs).toFixed(1)} ms`,
        target: atMost(percentile(lockMs, 0.99), LOCK_MS_MAX, `${LOCK_MS_MAX} ms`),
      },
    ];
  } finally {
    await database.close();
  }
}

/** Every hundredth session has written something. */
async function addOutput(database: Database): Promise<void> {
  await database.query(
    "bench_output",
    `INSERT INTO job_output (execution_id, start_at, data)
     SELECT e.id, 0, convert_to(repeat(md5(e.id::text), $1 / 32), 'UTF8')
     FROM job_executions e WHERE uuid_hash_extended(e.id, 0) % 100 = 0`,
    [OUTPUT_BYTES],
  );
}

async function timed<T>(action: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startMs = performance.now();
  const result = await action();
  return { ms: performance.now() - startMs, result };
}

/** Takes the office's lock again and again, as whoever schedules does. */
class LockWaits {
  readonly #database: Database;
  readonly #ms: number[] = [];
  #running = true;
  #work: Promise<void> = Promise.resolve();

  constructor(database: Database) {
    this.#database = database;
  }

  async start(): Promise<void> {
    const offices = await this.#database.query<{ id: string }>("bench_offices", "SELECT id FROM offices");
    this.#work = this.#lockAll(offices.map(({ id }) => id));
  }

  async stop(): Promise<number[]> {
    this.#running = false;
    await this.#work;
    return this.#ms;
  }

  async #lockAll(officeIds: readonly string[]): Promise<void> {
    while (this.#running) {
      const { ms } = await timed(() => this.#database.transaction((open) => lockOffices(open, officeIds)));
      this.#ms.push(ms);
    }
  }
}

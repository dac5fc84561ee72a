import type { JobSchedulerConfigPatch } from "office-contract/config.ts";
import type { JobEvent } from "office-contract/events.ts";
import { Database } from "office-server/db/connection.ts";
import { ensureOffice } from "office-server/db/transitions/ensureOffice.ts";
import { newId } from "office-server/platform/ids.ts";
import { createLogger } from "office-server/platform/log.ts";
import { EventFeed } from "office-server/services/events/EventFeed.ts";
import { DependencyResolver } from "office-server/services/scheduler/DependencyResolver.ts";
import { ExecutionQueue } from "office-server/services/scheduler/ExecutionQueue.ts";
import { SchedulerLoop } from "office-server/services/scheduler/SchedulerLoop.ts";
import type { Lease } from "office-server/services/scheduler/WorkerLease.ts";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { createTestDatabase } from "./database.ts";
import { type Behaviour, ScriptedRuntime } from "./scriptedRuntime.ts";
import { TestOffice } from "./testOffice.ts";

/** A scheduler with its sessions, as one worker process has it. */
export interface Worker {
  loop: SchedulerLoop;
  queue: ExecutionQueue;
  runtime: ScriptedRuntime;
  database: Database;
  /** Its log from "warn" up, a JSON object each. */
  warnings: string[];
}

export interface WorkerOptions extends Behaviour {
  sessionsMax?: number;
  /** 0, the default: nothing but wake-ups drives the loop. */
  tickIntervalMs?: number;
  taskId?: string;
  workerId?: string;
  /** Default: one that is held for ever. */
  lease?: Lease;
  /** In place of a pool of its own. */
  database?: Database;
}

interface WorldOptions {
  schema?: string;
  /** In place of a database of its own. */
  url?: string;
  /** Every claim goes by a checkpoint, as otherwise only where a whole look takes long (claim_jobs.sql). */
  checkpoints?: boolean;
}

/** A database of the test's own, with schedulers and offices. Whatever was made ends with the test. */
export async function setup(options: WorldOptions = {}) {
  const endings: Ending[] = [];
  onTestFinished(() => endAll(endings));
  return createWorld(options, endings);
}

/** One database for all tests of a file, for those that look at nothing but offices of their own. */
export function setupFile(options: WorldOptions = {}): () => World {
  const endings: Ending[] = [];
  let world: World | null = null;
  beforeAll(async () => {
    world = await createWorld(options, endings);
  });
  afterAll(() => endAll(endings));
  return () => {
    if (world === null) throw new Error("no test is running");
    return world;
  };
}

type Ending = () => Promise<unknown>;

async function endAll(endings: readonly Ending[]): Promise<void> {
  for (const end of endings.toReversed()) await end();
}

async function createWorld(options: WorldOptions, endings: Ending[]) {
  const schema = options.schema ?? "public";
  const url = options.url ?? (await ownDatabase(endings));

  const connect = (connectionsMax = 4): Database => {
    const database = new Database({ connectionString: url, schema, connectionsMax });
    endings.push(() => database.close());
    return database;
  };
  const database = connect();
  if (options.checkpoints === true) {
    await sql({ database }, `ALTER ROUTINE claim_jobs SET "office.dead_steps_max" = '-1000000000'`);
  }
  const followers: (() => void)[] = [];

  function createWorker({
    tickIntervalMs = 0,
    sessionsMax,
    taskId,
    workerId,
    lease,
    ...rest
  }: WorkerOptions = {}): Worker {
    const own = rest.database ?? connect();
    const warnings: string[] = [];
    const log = createLogger("warn", { write: (line: string) => warnings.push(line) });
    const runtime = new ScriptedRuntime(rest);
    const queue = new ExecutionQueue({ database: own, runtime, log, sessionsMax: sessionsMax ?? null });
    const loop = new SchedulerLoop({
      database: own,
      queue,
      resolver: new DependencyResolver(own),
      log,
      lease: lease ?? { workerId: workerId ?? newId(), isHeld: true },
      tickIntervalMs,
      ...(taskId !== undefined && { taskId }),
    });
    loop.onPass = () => {
      for (const follow of followers) follow();
    };
    endings.push(() => loop.stop("interrupt"));
    return { loop, queue, runtime, database: own, warnings };
  }

  return {
    url,
    schema,
    database,
    connect,
    createWorker,
    async startWorker(workerOptions: WorkerOptions = {}): Promise<Worker> {
      const worker = createWorker(workerOptions);
      await worker.loop.start();
      return worker;
    },
    async createOffice(config: JobSchedulerConfigPatch = {}, on: Database = database): Promise<TestOffice> {
      const settings = { name: newId(), config, roles: {} };
      const { id } = await on.transaction((transaction) => ensureOffice(transaction, settings));
      return new TestOffice(on, id);
    },
    /** Resolves with the first event that `matches`, be it past or to come. Follows the passes of this world's workers. */
    async whenEvent(office: TestOffice, matches: (event: JobEvent) => boolean): Promise<JobEvent> {
      const { promise, resolve, reject } = Promise.withResolvers<JobEvent>();
      const feed = new EventFeed(office.database, office.id, 0, (events) => {
        const found = events.find(matches);
        if (found !== undefined) resolve(found);
      });
      followers.push(() => void feed.read().catch(reject));
      await feed.read();
      return promise;
    },
    /** Resolves when so many jobs of an office have come to an end. */
    async whenEnded(office: TestOffice, count: number): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const ended = new Set<string>();
      const feed = new EventFeed(office.database, office.id, 0, (events) => {
        for (const { type, job_id: id } of events) {
          if (ENDS.has(type)) ended.add(id);
          else ended.delete(id);
        }
        if (ended.size === count) resolve();
      });
      followers.push(() => void feed.read().catch(reject));
      await feed.read();
      return promise;
    },
  };
}

export type World = Awaited<ReturnType<typeof createWorld>>;

const ENDS: ReadonlySet<JobEvent["type"]> = new Set(["job_completed", "job_failed", "job_timeout", "job_cancelled"]);

async function ownDatabase(endings: Ending[]): Promise<string> {
  const { url, drop } = await createTestDatabase();
  endings.push(drop);
  return url;
}

/** Runs SQL on a connection of its own, as another program would: it knows nothing of the scheduler. */
export const sql = <Row extends Record<string, unknown>>(
  { database }: { database: Database },
  text: string,
  values: unknown[] = [],
): Promise<Row[]> => database.query<Row>("", text, values);

/** Resolves when so many statements of the world's database wait for a lock: it asks the server until they do. */
export async function waitingForLock(world: World, count = 1): Promise<void> {
  const text = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while ((await sql(world, text)).length < count) await new Promise(setImmediate);
}

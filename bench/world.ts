import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_CONFIG, type JobSchedulerConfigPatch } from "office-contract/config.ts";
import { Database } from "office-server/db/connection.ts";
import { acquireEmbeddedPostgres } from "office-server/db/embedded/embeddedPostgres.ts";
import { stopServer } from "office-server/db/embedded/server.ts";
import { migrate } from "office-server/db/migrate.ts";
import { ensureOffice } from "office-server/db/transitions/ensureOffice.ts";
import { type NewJob, submitTask } from "office-server/db/transitions/submitTask.ts";
import { newId, newJobId } from "office-server/platform/ids.ts";
import { createLogger } from "office-server/platform/log.ts";
import { DependencyResolver } from "office-server/services/scheduler/DependencyResolver.ts";
import { ExecutionQueue } from "office-server/services/scheduler/ExecutionQueue.ts";
import { SchedulerLoop } from "office-server/services/scheduler/SchedulerLoop.ts";
import type { SessionEnd, SessionRequest, SessionRuntime } from "office-server/services/session/runtime.ts";
import pg from "pg";

/** A server of the bench's own, with its durability on, and as many fresh databases in it as are asked for. */
export class BenchServer {
  static async start(): Promise<BenchServer> {
    const home = join(tmpdir(), `office-bench-${newId()}`);
    return new BenchServer(home, await acquireEmbeddedPostgres(home));
  }

  readonly home: string;
  readonly #server: { url: string; release(): Promise<void> };
  /** What ends the other processes of the measurement that is being taken. */
  readonly #endings = new Set<() => Promise<unknown>>();
  #databases = 0;

  private constructor(home: string, server: { url: string; release(): Promise<void> }) {
    this.home = home;
    this.#server = server;
  }

  /** A database that was empty a moment ago. */
  async createDatabase(): Promise<Database> {
    const name = `bench_${++this.#databases}`;
    const client = new pg.Client({ connectionString: this.#server.url });
    await client.connect();
    await client.query(`CREATE DATABASE ${name}`);
    await client.end();
    const connectionString = new URL(`/${name}`, this.#server.url).href;
    await migrate(connectionString, { schema: "public" });
    return new Database({ connectionString, schema: "public" });
  }

  /** The version, and every setting that durability and speed hang on. */
  async describeSettings(): Promise<string> {
    const client = new pg.Client({ connectionString: this.#server.url });
    await client.connect();
    const names = [
      "server_version",
      "fsync",
      "synchronous_commit",
      "full_page_writes",
      "shared_buffers",
      "max_wal_size",
    ];
    const { rows } = await client.query<{ name: string; value: string }>(
      "SELECT n AS name, current_setting(n) AS value FROM unnest($1::text[]) AS n",
      [names],
    );
    await client.end();
    return rows.map(({ name, value }) => (name === "server_version" ? value : `${name} = ${value}`)).join(", ");
  }

  async stop(): Promise<void> {
    await this.#server.release();
    await rm(this.home, { recursive: true, force: true });
  }

  /** Measures with `end` to be called afterwards, and also when the bench is interrupted. */
  async withEnding<T>(end: () => Promise<unknown>, measure: () => Promise<T>): Promise<T> {
    this.#endings.add(end);
    try {
      return await measure();
    } finally {
      if (this.#endings.delete(end)) await end();
    }
  }

  /** Stops the server, and whatever a measurement has started, also where it is still being taken. */
  async interrupt(): Promise<void> {
    for (const end of this.#endings) {
      this.#endings.delete(end);
      await end();
    }
    const client = new pg.Client({ connectionString: this.#server.url });
    // It ends with the server.
    client.on("error", () => {});
    await client.connect();
    const { rows } = await client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
    // Otherwise it would be started again.
    await this.#server.release();
    for (const { folder } of rows) await stopServer(folder);
    await this.stop();
  }
}

/** Sessions that end at once: what is left is the scheduler. */
export class InstantRuntime implements SessionRuntime {
  running = 0;
  /** Called at each start. */
  onStart: (request: SessionRequest) => void = () => {};

  start(request: SessionRequest, onEnd: (end: SessionEnd) => void): void {
    this.onStart(request);
    onEnd({ executionId: request.executionId, outcome: { kind: "finished" }, directory: null });
  }

  adopt(): void {}

  wasStarted(): boolean {
    return false;
  }

  stop(): void {}

  setTimeout(): void {}
}

export const createOffice = async (
  database: Database,
  name: string,
  config: JobSchedulerConfigPatch,
): Promise<string> => {
  const office = await database.transaction((transaction) => ensureOffice(transaction, { name, config, roles: {} }));
  return office.id;
};

/** The roles of the bench's jobs: those that have a default timeout, as in an office. */
const ROLES = Object.keys(DEFAULT_CONFIG.timeoutByRole);

/** Jobs of several roles, each depending on those that `dependsOn` names by position. */
export function makeJobs(count: number, dependsOn: (index: number) => number[] = () => []): NewJob[] {
  const ids = Array.from({ length: count }, newJobId);
  return ids.map((id, index) => ({
    id,
    key: `job-${index}`,
    role: ROLES[index % ROLES.length] ?? "BE",
    title: `Job ${index}`,
    description: null,
    session: { run: "true", cwd: "/", env: {} },
    priority: 0,
    timeout_ms: null,
    max_retries: null,
    depends_on: dependsOn(index).flatMap((position) => ids[position] ?? []),
  }));
}

export const submit = (database: Database, officeId: string, jobs: readonly NewJob[]): Promise<unknown> =>
  submitTask(database, { id: newJobId(), officeId, title: null, planPath: null, jobs });

export const createLoop = (database: Database, runtime: SessionRuntime): SchedulerLoop => {
  const log = createLogger("error");
  const queue = new ExecutionQueue({ database, runtime, log, sessionsMax: null });
  const resolver = new DependencyResolver(database);
  return new SchedulerLoop({
    database,
    queue,
    resolver,
    log,
    lease: { workerId: "bench", isHeld: true },
    tickIntervalMs: 0,
  });
};

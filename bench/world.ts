import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_CONFIG, type JobSchedulerConfigPatch } from "office-contract/config.ts";
import { Database } from "office-server/db/connection.ts";
import { acquireEmbeddedPostgres, type EmbeddedPostgres } from "office-server/db/embedded/embeddedPostgres.ts";
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
    const server = await acquireEmbeddedPostgres(home);
    const [row] = await ask<{ folder: string }>(server.url, "SELECT current_setting('data_directory') AS folder");
    if (row === undefined) throw new Error("the server does not say where its data is");
    return new BenchServer(home, row.folder, server);
  }

  readonly home: string;
  readonly #dataFolder: string;
  readonly #server: EmbeddedPostgres;
  /** What ends the other processes of the measurement that is being taken. */
  #ending: (() => Promise<unknown>) | null = null;
  #databases = 0;

  private constructor(home: string, dataFolder: string, server: EmbeddedPostgres) {
    this.home = home;
    this.#dataFolder = dataFolder;
    this.#server = server;
  }

  /** A database that was empty a moment ago. */
  async createDatabase(): Promise<Database> {
    const name = `bench_${++this.#databases}`;
    await ask(this.#server.url, `CREATE DATABASE ${name}`);
    const connectionString = new URL(`/${name}`, this.#server.url).href;
    await migrate(connectionString, { schema: "public" });
    return new Database({ connectionString, schema: "public" });
  }

  /** The version, and every setting that durability and speed hang on. */
  async describeSettings(): Promise<string> {
    const names = [
      "server_version",
      "fsync",
      "synchronous_commit",
      "full_page_writes",
      "shared_buffers",
      "max_wal_size",
    ];
    const rows = await ask<{ name: string; value: string }>(
      this.#server.url,
      "SELECT n AS name, current_setting(n) AS value FROM unnest($1::text[]) AS n",
      [names],
    );
    return rows.map(({ name, value }) => (name === "server_version" ? value : `${name} = ${value}`)).join(", ");
  }

  /** Measures, with `end` to be called when that is done, has failed or is interrupted. */
  async withEnding<T>(end: () => Promise<unknown>, measure: () => Promise<T>): Promise<T> {
    this.#ending = end;
    try {
      return await measure();
    } finally {
      await this.#end();
    }
  }

  /** Stops the server, and what a measurement has started, also where one is still being taken. */
  async stop(): Promise<void> {
    await this.#end();
    // A server that is in use would be started again; and a measurement's connections are users that `release` spares.
    await this.#server.release();
    await stopServer(this.#dataFolder);
    await rm(this.home, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    const end = this.#ending;
    this.#ending = null;
    await end?.();
  }
}

async function ask<Row extends pg.QueryResultRow>(url: string, text: string, values?: unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Row>(text, values);
  await client.end();
  return rows;
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

import { join } from "node:path";
import type { JobSchedulerConfigPatch } from "office-contract/config.ts";
import { Database } from "office-server/db/connection.ts";
import { readOutput } from "office-server/db/output.ts";
import { ensureOffice } from "office-server/db/transitions/ensureOffice.ts";
import { newId } from "office-server/platform/ids.ts";
import { waitUntil } from "office-server/platform/waitUntil.ts";
import { onTestFinished } from "vitest";
import { TestOffice } from "../../test/support/testOffice.ts";
import { type FolderOptions, type OfficeFolder, setup as setupFolder } from "./officeFolder.ts";
import { ServiceProcess } from "./service.ts";

const WORKER = join(import.meta.dirname, "../../packages/office-server/src/workers/scheduler.ts");
const PATIENCE_MS = 60_000;

/** Workers as real processes in a folder of the test's own. Jobs are brought straight into the database. */
export async function setup(options: FolderOptions = {}): Promise<WorkerWorld> {
  const folder = await setupFolder(options);
  const world = new WorkerWorld(folder);
  onTestFinished(() => world.end());
  return world;
}

export class WorkerWorld {
  readonly folder: OfficeFolder;
  readonly #workers: ServiceProcess[] = [];
  readonly #databases: Database[] = [];

  constructor(folder: OfficeFolder) {
    this.folder = folder;
  }

  start(environment: Readonly<Record<string, string>> = {}): ServiceProcess {
    const settings = { SCHEDULER_PORT: "0", ...this.folder.environment, ...environment };
    const worker = new ServiceProcess(WORKER, this.folder.path, settings);
    this.#workers.push(worker);
    return worker;
  }

  async startAndWait(environment: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const worker = this.start(environment);
    await worker.url;
    return worker;
  }

  async createOffice(config: JobSchedulerConfigPatch = {}): Promise<TestOffice> {
    const url = this.folder.environment["DATABASE_URL"] ?? "";
    const database = new Database({ connectionString: url, schema: "public", connectionsMax: 2 });
    this.#databases.push(database);
    const settings = { name: newId(), config, roles: {} };
    const { id } = await database.transaction((transaction) => ensureOffice(transaction, settings));
    return new TestOffice(database, id);
  }

  /** Submits one job that runs a line in the folder. Tells nobody: workers find it at their next tick. */
  async submit(office: TestOffice, key: string, run: string): Promise<void> {
    await office.submit({ [key]: { session: { run, cwd: this.folder.path, env: {} } } });
  }

  async end(): Promise<void> {
    // With their sessions.
    await Promise.all(this.#workers.map((worker) => worker.kill("SIGQUIT")));
    await Promise.all(this.#databases.map((database) => database.close()));
  }
}

/** Waits for what nobody tells of. */
export async function eventually<T>(what: string, probe: () => Promise<T | null> | T | null): Promise<T> {
  const answer = await waitUntil(probe, { everyMs: 20, timeoutMs: PATIENCE_MS });
  if (answer === null) throw new Error(`${what}: it does not come about`);
  return answer;
}

/** Resolves when a job is in a state. */
export const reaches = (office: TestOffice, key: string, state: string): Promise<true> =>
  eventually(`${key} is ${state}`, async () => ((await office.job(key)).status === state ? true : null));

/** What is stored of the output of a job's attempts, one after another. */
export async function outputOf(office: TestOffice, key: string): Promise<string> {
  const executions = (await office.executions()).filter(({ job_id: id }) => id === office.idOf(key));
  const pieces = await Promise.all(
    executions.map(({ id }) => readOutput(office.database, id, { from: 0, limit: 1_000 })),
  );
  return Buffer.concat(pieces.flat().map(({ data }) => data)).toString();
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export async function getJson(worker: ServiceProcess, path: string): Promise<Answer> {
  const response = await fetch(`${await worker.url}${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Resolves when a worker's health has a status, with what it says. */
export const whenHealthIs = (worker: ServiceProcess, status: number): Promise<Answer["body"]> =>
  eventually(`health is ${status}`, async () => {
    const health = await getJson(worker, "/health");
    return health.status === status ? health.body : null;
  });

/** Resolves when a worker's log says something. */
export const says = (worker: ServiceProcess, text: string): Promise<true> =>
  eventually(`"${text}" is logged`, () => (worker.log.some((line) => line.includes(text)) ? true : null));

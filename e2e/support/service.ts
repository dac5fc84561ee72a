import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ApiClient, type RequestOf } from "office-contract/api/client.ts";
import type { JobSchedulerConfigPatch } from "office-contract/config.ts";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { createTestDatabase } from "../../test/support/database.ts";
import { EventLog } from "./eventLog.ts";
import { OfficeFolder } from "./officeFolder.ts";

const SERVER = join(import.meta.dirname, "../../packages/office-server/src");
const API = join(SERVER, "api/main.ts");
const WORKER = join(SERVER, "workers/scheduler.ts");

/** One process of the service, which logs a JSON object a line. */
export class ServiceProcess {
  readonly #child: ChildProcess;
  readonly log: string[] = [];
  /** Where it listens; it says so when it is ready. */
  readonly url: Promise<string>;
  readonly exit: Promise<number | NodeJS.Signals>;

  constructor(program: string, folder: string, environment: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [program], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.url = promise;
    if (this.#child.stderr !== null) {
      createInterface({ input: this.#child.stderr }).on("line", (line) => {
        this.log.push(line);
        const url = line.startsWith("{") ? (JSON.parse(line) as { url?: string }).url : undefined;
        if (url !== undefined) resolve(url);
      });
    }
    this.exit = new Promise((resolveExit) => {
      this.#child.on("close", (code, signal) => {
        reject(new Error(`it ended before it was ready: ${this.log.join("\n")}`));
        resolveExit(code ?? signal ?? 0);
      });
    });
    promise.catch(() => {});
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it is gone. */
  async kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.#child.kill(signal);
    return this.exit;
  }
}

/** An API and its workers as real processes, on a database and in a folder of the test's own. */
export class Service {
  readonly folder: OfficeFolder;
  readonly client: ApiClient;
  readonly url: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #workers: ServiceProcess[] = [];
  #api: ServiceProcess;

  constructor(folder: OfficeFolder, api: ServiceProcess, url: string, environment: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.url = url;
    this.#api = api;
    this.#environment = environment;
    this.client = new ApiClient({ baseUrl: url, token: this.token, fetch });
  }

  get token(): string {
    return readFileSync(this.folder.at(".office", "token"), "utf8").trim();
  }

  async startWorker(environment: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const worker = new ServiceProcess(WORKER, this.folder.path, { ...this.#environment, ...environment });
    this.#workers.push(worker);
    await worker.url;
    return worker;
  }

  /** Kills the API, and starts it again where it was. */
  async restartApi(): Promise<void> {
    await this.#api.kill("SIGKILL");
    this.#api = new ServiceProcess(API, this.folder.path, { ...this.#environment, PORT: new URL(this.url).port });
    await this.#api.url;
  }

  /** An office whose jobs run in the test's folder, and its log, followed from the first event on. */
  async createOffice(config: JobSchedulerConfigPatch = {}): Promise<ServiceOffice> {
    const office = await this.client.call("createOffice", {
      body: { name: `office ${crypto.randomUUID()}`, repo_path: this.folder.path },
    });
    const params = { officeId: office.id };
    if (Object.keys(config).length > 0) await this.client.call("patchConfig", { params, body: config });
    const log = await EventLog.follow(this.client, office.id);
    onTestFinished(() => log.stop());
    return new ServiceOffice(this.client, office.id, log);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill("SIGTERM")));
    await this.#api.kill("SIGTERM");
  }
}

type NewJobs = RequestOf<"submitJobs">["body"]["jobs"];

/** An office as a client of the API sees it. Jobs are known by their keys. */
export class ServiceOffice {
  readonly client: ApiClient;
  readonly id: string;
  readonly log: EventLog;
  readonly #ids = new Map<string, string>();

  constructor(client: ApiClient, id: string, log: EventLog) {
    this.client = client;
    this.id = id;
    this.log = log;
  }

  get params(): { officeId: string } {
    return { officeId: this.id };
  }

  job(key: string): { officeId: string; jobId: string } {
    return { officeId: this.id, jobId: this.#ids.get(key) ?? key };
  }

  async submit(jobs: NewJobs) {
    const submitted = await this.client.call("submitJobs", { params: this.params, body: { jobs } });
    for (const { key, id } of submitted.jobs) if (key !== null) this.#ids.set(key, id);
    return submitted;
  }

  async states(): Promise<Record<string, string>> {
    const { jobs } = await this.client.call("listJobs", { params: this.params, query: { limit: 1_000 } });
    return Object.fromEntries(jobs.map(({ key, id, status }) => [key ?? id, status]));
  }
}

/** One API for all tests of a file; each has offices of its own. Workers are started by the tests, and live on. */
export function setupFile(
  environment: () => Promise<Readonly<Record<string, string>>> = async () => ({}),
): () => Service {
  let running: Running | null = null;
  beforeAll(async () => {
    running = await start(await environment());
  });
  afterAll(() => running?.end());
  return () => {
    if (running === null) throw new Error("no test is running");
    return running.service;
  };
}

/** An API of the test's own. */
export async function setup(environment: Readonly<Record<string, string>> = {}): Promise<Service> {
  const { service, end } = await start(environment);
  onTestFinished(end);
  return service;
}

interface Running {
  service: Service;
  /** Ends everything, and fails when something is left. */
  end(): Promise<void>;
}

async function start(environment: Readonly<Record<string, string>>): Promise<Running> {
  const path = mkdtempSync(join(tmpdir(), "office-service-"));
  chmodSync(path, 0o755);
  const database = await createTestDatabase();
  const settings = {
    DATABASE_URL: database.url,
    OFFICE_HOME: join(path, ".office"),
    PORT: "0",
    SCHEDULER_PORT: "0",
    ALLOW_RUN: "1",
    ...environment,
  };
  const folder = new OfficeFolder(path, settings);
  const api = new ServiceProcess(API, path, settings);
  const service = new Service(folder, api, await api.url, settings);
  const end = async (): Promise<void> => {
    await service.stop();
    const left = folder.processes();
    await folder.killEverything();
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    await database.drop();
    if (left.length > 0) throw new Error(`left behind: ${left.map(({ command }) => command).join("; ")}`);
  };
  return { service, end };
}

/** A local server that keeps what it is sent. */
export class Receiver {
  readonly #server: Server;
  readonly #waiting: (() => void)[] = [];
  readonly bodies: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      request.on("end", () => {
        this.bodies.push(body);
        response.end("ok");
        for (const resolve of this.#waiting.splice(0)) resolve();
      });
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => {
      receiver.#server.listen(0, "127.0.0.1", resolve);
    });
    return receiver;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Resolves with the first body that `matches`, past or to come. */
  async received(matches: (body: string) => boolean): Promise<string> {
    for (;;) {
      const found = this.bodies.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}

import { randomUUID } from "node:crypto";
import { spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient } from "office-contract/api/client.ts";
import { Database } from "office-server/db/connection.ts";
import { acquireEmbeddedPostgres } from "office-server/db/embedded/embeddedPostgres.ts";
import { migrate } from "office-server/db/migrate.ts";
import { createLogger } from "office-server/platform/log.ts";
import { ensureFirstKey } from "office-server/services/access/keys.ts";
import pg from "pg";
import { UnreachableError } from "../../packages/office-cli/src/api/connect.ts";
import { Proxy } from "./Proxy.ts";
import { Supervised } from "./Supervised.ts";

const SERVER = join(import.meta.dirname, "../../packages/office-server/src");

/** The leases of this world's workers, in ms. */
export interface Leases {
  heartbeatMs: number;
  fenceMs: number;
  leaseMs: number;
}

/** A process of the service, and what stands between it and the database. */
export interface Member {
  process: Supervised;
  proxy: Proxy;
  /** Where its sessions are: workers of one machine have the same. */
  home: string;
}

/** A whole service: a database server of its own, an API, and workers on two machines. All of it can be broken. */
export class World {
  readonly folder: string;
  readonly leases: Leases;
  readonly recordsFolder: string;
  readonly #endings: (() => Promise<unknown>)[] = [];
  #clockEnvironment: Readonly<Record<string, string>> = {};
  /** Not through a proxy. */
  database!: Database;
  databaseUrl = "";
  api!: Member;
  workers: Member[] = [];
  client!: ApiClient;
  apiUrl = "";
  /** Where the second machine's home is, if it is small; null: it shares the disk of all. */
  smallDisk: string | null = null;
  /** What the clocks of API and workers show is written here, as libfaketime wants it; null: where that is not installed. */
  clockFile: string | null = null;

  readonly #environment: Readonly<Record<string, string>>;

  private constructor(leases: Leases, environment: Readonly<Record<string, string>>) {
    this.leases = leases;
    this.#environment = environment;
    this.folder = mkdtempSync(join(tmpdir(), "office-chaos-"));
    // Run as root, PostgreSQL has another account, which must get through.
    chmodSync(this.folder, 0o711);
    this.recordsFolder = join(this.folder, "records");
    for (const name of ["records", "logs", "work"]) mkdirSync(join(this.folder, name));
  }

  /** `environment`: what its processes get besides. */
  static async start(leases: Leases, environment: Readonly<Record<string, string>> = {}): Promise<World> {
    const world = new World(leases, environment);
    try {
      await world.#start();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  get workFolder(): string {
    return join(this.folder, "work");
  }

  /** Whoever talks to the API, with a key or an execution's token. */
  clientWith(token: string): ApiClient {
    const baseUrl = this.apiUrl;
    const reach: typeof fetch = (input, init) =>
      fetch(input, init).catch((error: unknown) => {
        throw new UnreachableError(baseUrl, error);
      });
    return new ApiClient({ baseUrl, token, fetch: reach });
  }

  /** The server's own process. */
  get postmasterPid(): number {
    return Number(readFileSync(join(this.folder, "server/postgres/postmaster.pid"), "utf8").split("\n")[0]);
  }

  /** The host processes of sessions that run on the machines. */
  sessionHosts(): number[] {
    return [...new Set(this.workers.map(({ home }) => join(home, "sessions")))].flatMap((sessions) => {
      return readdirSync(sessions, { withFileTypes: true }).flatMap((entry) => {
        if (!entry.isDirectory()) return [];
        const read = (name: string): string | null => {
          try {
            return readFileSync(join(sessions, entry.name, name), "utf8");
          } catch {
            return null;
          }
        };
        const host = read("host.json");
        if (host === null || read("exit.json") !== null) return [];
        return [(JSON.parse(host) as { host: { pid: number } }).host.pid];
      });
    });
  }

  async #start(): Promise<void> {
    const server = await acquireEmbeddedPostgres(join(this.folder, "server"));
    this.#endings.push(() => server.release());
    await this.#createDatabase(server.url);
    const homes = [join(this.folder, "machine-a"), join(this.folder, "machine-b")];
    const [homeA = "", homeB = ""] = homes;
    for (const home of homes) mkdirSync(home);
    this.#mountSmallDisk(homeB);
    for (const home of homes) mkdirSync(join(home, "sessions"));
    this.#prepareClock();
    this.api = await this.#addMember("api", join(SERVER, "api/main.ts"), homeA, { PORT: String(await freePort()) });
    const { token } = await ensureFirstKey(this.database, homeA, createLogger("silent"));
    for (const [name, home] of [
      ["a1", homeA],
      ["a2", homeA],
      ["b1", homeB],
    ] as const) {
      this.workers.push(await this.#addMember(name, join(SERVER, "workers/scheduler.ts"), home, { WORKER_ID: name }));
    }
    for (const { process } of [this.api, ...this.workers]) process.start();
    const [baseUrl = ""] = await Promise.all([this.api, ...this.workers].map(({ process }) => process.ready));
    this.apiUrl = baseUrl;
    this.client = this.clientWith(token);
  }

  /** Only who may mount can fill a disk without harm. */
  #mountSmallDisk(home: string): void {
    if (process.getuid?.() !== 0) return;
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", home]).status !== 0) return;
    this.smallDisk = home;
    this.#endings.push(async () => void spawnSync("umount", ["-l", home]));
  }

  #prepareClock(): void {
    const library = findFakeTime();
    if (library === null) return;
    this.clockFile = join(this.folder, "clock");
    writeFileSync(this.clockFile, "+0s");
    this.#clockEnvironment = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.clockFile,
      FAKETIME_NO_CACHE: "1",
      DONT_FAKE_MONOTONIC: "1",
    };
  }

  async #createDatabase(serverUrl: string): Promise<void> {
    const name = `chaos_${randomUUID().replaceAll("-", "")}`;
    const admin = new pg.Client({ connectionString: serverUrl });
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.end();
    this.databaseUrl = new URL(`/${name}`, serverUrl).href;
    await migrate(this.databaseUrl, { schema: "public" });
    this.database = new Database({ connectionString: this.databaseUrl, schema: "public", connectionsMax: 3 });
    this.#endings.push(() => this.database.close());
  }

  async #addMember(
    name: string,
    program: string,
    home: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<Member> {
    const proxy = await Proxy.start(this.databaseUrl);
    const { heartbeatMs, fenceMs, leaseMs } = this.leases;
    const process = new Supervised({
      name,
      program,
      folder: home,
      logFile: join(this.folder, "logs", `${name}.log`),
      environment: {
        DATABASE_URL: proxy.url,
        OFFICE_HOME: home,
        SCHEDULER_PORT: "0",
        ALLOW_RUN: "1",
        RATE_LIMIT_PER_MINUTE: "10000000",
        RETENTION_DAYS: "0",
        WORKER_HEARTBEAT_MS: String(heartbeatMs),
        WORKER_FENCE_MS: String(fenceMs),
        WORKER_LEASE_MS: String(leaseMs),
        WORKER_REAP_MS: "1000",
        // The nemesis takes workers down all the time: that is not the jobs' fault.
        WORKER_LOSSES_MAX: "1000",
        ...this.#clockEnvironment,
        ...this.#environment,
        ...environment,
      },
    });
    this.#endings.push(async () => {
      await process.hold("SIGQUIT");
      await proxy.stop();
    });
    return { process, proxy, home };
  }

  /** Ends all of it. Session hosts end with their workers. */
  async stop(): Promise<void> {
    for (const end of this.#endings.splice(0).toReversed()) await end();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Where Debian and others have it. */
const findFakeTime = (): string | null =>
  globSync(["/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1"])[0] ?? null;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ApiClient, type RequestOf } from "office-contract/api/client.ts";
import type { Database } from "office-server/db/connection.ts";
import { countJobs } from "office-server/db/transitions/countJobs.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { pause } from "office-server/platform/timers.ts";
import { addFinishedJobs } from "./backlog.ts";
import { atLeast, atMost, type Figure, median, percentile, perSecond } from "./figures.ts";
import type { FollowersReport, FollowersRequest } from "./followers.ts";
import { drainRate } from "./throughput.ts";
import { type BenchServer, createLoop, createOffice, InstantRuntime } from "./world.ts";

const PROGRAM = join(import.meta.dirname, "../packages/office-server/src/api/main.ts");
const FOLLOWERS_PROGRAM = join(import.meta.dirname, "followers.ts");
const GRAPH_JOBS = 1_000;
const GRAPHS = 20;
const POSTS_PER_SECOND = 200;
const POSTS_SECONDS = 10;
const FOLLOWERS = 100;
const FOLLOWED_JOBS_PER_SECOND = 20;
const FOLLOWED_SECONDS = 8;
const FINISHED_JOBS = 1_000_000;
const STATS_CALLS = 50;
/** The first does not count. */
const DRAINS = 1 + 5;

/** What a client of the API gets, over HTTP from a process of its own. */
export async function api(server: BenchServer): Promise<Figure[]> {
  const database = await server.createDatabase();
  const running = await ApiProcess.start(database);
  const figures = await server.withEnding(
    () => running.stop(),
    async () => [
      await graphs(running, database),
      await posts(running, database),
      ...(await following(running, database)),
      await stats(running, database),
    ],
  );
  await database.close();
  return figures;
}

/** A graph of many jobs in one request, each job depending on one of the ten before it. */
async function graphs({ client }: ApiProcess, database: Database): Promise<Figure> {
  const officeId = await createOffice(database, "graphs", {});
  const rates: number[] = [];
  for (let run = 0; run < GRAPHS; run++) {
    const jobs: Jobs = Array.from({ length: GRAPH_JOBS }, (_, index) => ({
      ...job(`job-${index}`),
      ...(index > 0 && { depends_on: [`job-${index - 1 - (index % Math.min(index, 10))}`] }),
    }));
    const startMs = monotonicMs();
    await client.call("submitJobs", { params: { officeId }, body: { jobs } });
    rates.push((GRAPH_JOBS / (monotonicMs() - startMs)) * 1_000);
  }
  const rate = median(rates.slice(3));
  return {
    name: `submit of ${GRAPH_JOBS.toLocaleString("en")} jobs in one request`,
    value: perSecond(rate),
    target: atLeast(rate, 10_000, "10,000/s"),
  };
}

/** Single jobs at a steady rate, whether or not the ones before have been answered, while a worker runs them. */
async function posts({ client }: ApiProcess, database: Database): Promise<Figure> {
  const officeId = await createOffice(database, "posts", { maxConcurrentJobs: 100 });
  const loop = createLoop(database, new InstantRuntime());
  await loop.start();
  const durations: number[] = [];
  await atRate(POSTS_PER_SECOND, POSTS_SECONDS, async (index) => {
    const startMs = monotonicMs();
    await client.call("submitJobs", { params: { officeId }, body: { jobs: [job(`job-${index}`)] } });
    durations.push(monotonicMs() - startMs);
  });
  await loop.stop("finish");
  const p99 = percentile(durations.slice(POSTS_PER_SECOND), 0.99);
  return {
    name: `POST of one job, ${POSTS_PER_SECOND} a second beside a worker, p99`,
    value: `${p99.toFixed(1)} ms`,
    target: atMost(p99, 25, "25 ms"),
  };
}

async function following(running: ApiProcess, database: Database): Promise<Figure[]> {
  const officeId = await createOffice(database, "followed", { maxConcurrentJobs: 100 });
  const loop = createLoop(database, new InstantRuntime());
  await loop.start();
  const followers = new Followers();
  await followers.follow(running, officeId, { measure: true });
  await atRate(FOLLOWED_JOBS_PER_SECOND, FOLLOWED_SECONDS, async (index) => {
    await running.client.call("submitJobs", { params: { officeId }, body: { jobs: [job(`job-${index}`)] } });
  });
  // Before the loop stops: the last jobs may have yet to start, and would be in the way of the drains.
  const expected = FOLLOWERS * FOLLOWED_JOBS_PER_SECOND * FOLLOWED_SECONDS * 4;
  let report = await followers.ask({ kind: "report" });
  while (report.received < expected) {
    await pause(50);
    report = await followers.ask({ kind: "report" });
  }
  await loop.stop("finish");
  await followers.ask({ kind: "leave" });
  const p99 = report.delayP99Ms;

  const quiet: number[] = [];
  const followed: number[] = [];
  const drain = { offices: 1, limit: 100, jobs: 20_000 };
  for (let run = 0; run < DRAINS; run++) {
    const alone = await drainRate(database, drain);
    const watched = await drainRate(database, drain, async ([id = ""]) => {
      await followers.follow(running, id, { measure: false });
      return () => followers.ask({ kind: "leave" });
    });
    if (run === 0) continue;
    quiet.push(alone);
    followed.push(watched);
  }
  followers.stop();
  const ratio = median(followed) / median(quiet);
  return [
    {
      name: `event at ${FOLLOWERS} followers, since its transaction, p99`,
      value: `${p99.toFixed(0)} ms`,
      target: atMost(p99, 100, "100 ms"),
    },
    {
      name: `jobs a second with ${FOLLOWERS} followers of the office`,
      value: `${perSecond(median(followed))} (${ratio.toFixed(2)}x)`,
      target: atLeast(ratio, 0.9, "0.9x"),
    },
  ];
}

async function stats({ client }: ApiProcess, database: Database): Promise<Figure> {
  await addFinishedJobs(database, FINISHED_JOBS);
  const [office] = await database.query<{ id: string }>(
    "bench_largest",
    "SELECT office_id AS id FROM job_queue GROUP BY office_id ORDER BY count(*) DESC LIMIT 1",
  );
  const params = { officeId: office?.id ?? "" };
  // What came in behind its back is counted once, by rows.
  await countJobs(database, params.officeId);
  const durations: number[] = [];
  for (let call = 0; call < STATS_CALLS; call++) {
    const startMs = monotonicMs();
    const { done } = await client.call("getStats", { params });
    durations.push(monotonicMs() - startMs);
    if (done < FINISHED_JOBS) throw new Error(`the office has ${done} finished jobs only`);
  }
  const slowest = Math.max(...durations);
  return {
    name: "stats of an office with 1,000,000 finished jobs, slowest of 50",
    value: `${slowest.toFixed(1)} ms`,
    target: atMost(slowest, 50, "50 ms"),
  };
}

type Jobs = RequestOf<"submitJobs">["body"]["jobs"];

const job = (key: string): Jobs[number] => ({ key, role: "BE", command: ["true"] });

/** Calls `action` at a steady rate, whatever it takes. Resolves when all are done. */
async function atRate(
  perSecondCount: number,
  seconds: number,
  action: (index: number) => Promise<void>,
): Promise<void> {
  const startMs = monotonicMs();
  const calls: Promise<void>[] = [];
  for (let index = 0; index < perSecondCount * seconds; index++) {
    const waitMs = startMs + (index * 1_000) / perSecondCount - monotonicMs();
    if (waitMs > 0) await pause(waitMs);
    calls.push(action(index));
  }
  await Promise.all(calls);
}

/** An API in a process and with a home of its own. */
class ApiProcess {
  readonly client: ApiClient;
  readonly #child: ChildProcess;
  readonly #home: string;
  readonly url: string;
  readonly token: string;

  private constructor(child: ChildProcess, home: string, url: string) {
    this.#child = child;
    this.#home = home;
    this.url = url;
    this.token = readFileSync(join(home, "token"), "utf8").trim();
    this.client = new ApiClient({ baseUrl: url, token: this.token, fetch });
  }

  static async start(database: Database): Promise<ApiProcess> {
    const home = mkdtempSync(join(tmpdir(), "office-bench-api-"));
    const child = spawn(process.execPath, [PROGRAM], {
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: database.options.connectionString,
        OFFICE_HOME: home,
        PORT: "0",
        RATE_LIMIT_PER_MINUTE: "1000000",
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const url = await new Promise<string>((resolve, reject) => {
      child.on("exit", (code) => reject(new Error(`the API ended with ${code}`)));
      createInterface({ input: child.stderr }).on("line", (line) => {
        const { url: address } = JSON.parse(line) as { url?: string };
        if (address !== undefined) resolve(address);
      });
    });
    return new ApiProcess(child, home, url);
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => {
      this.#child.once("exit", resolve);
    });
    this.#child.kill("SIGTERM");
    await gone;
    rmSync(this.#home, { recursive: true, force: true });
  }
}

/** Followers of an office's events, all in one process of their own: what they read costs the worker nothing but its share. */
class Followers {
  readonly #child = fork(FOLLOWERS_PROGRAM);

  /** Resolves when all of them follow, from now on. */
  async follow({ url, token }: ApiProcess, officeId: string, { measure }: { measure: boolean }): Promise<void> {
    const address = `${url}/api/offices/${officeId}/events`;
    await this.ask({ kind: "follow", url: address, token, count: FOLLOWERS, measure });
  }

  ask(request: FollowersRequest): Promise<FollowersReport> {
    return new Promise((resolve) => {
      this.#child.once("message", resolve);
      this.#child.send(request);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}

import type { Database } from "office-server/db/connection.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { bareWritesRate } from "./bareWrites.ts";
import { atMost, type Figure, median } from "./figures.ts";
import { type BenchServer, createLoop, createOffice, InstantRuntime, makeJobs, submit } from "./world.ts";

const JOBS = 1_000;
const COMMITS = 1_000;
/** The first run warms up this process, and does not count. */
const RUNS = 1 + 5;

/**
 * What an edge costs on a chain, where nothing can be done at the same time, beside one durable commit of one row; and
 * what its rows cost where nobody decides anything: the faster the disk, the more commits those take.
 */
export async function chain(server: BenchServer): Promise<Figure[]> {
  const ratios: number[] = [];
  const edges: number[] = [];
  const bare: number[] = [];
  const commits: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const database = await server.createDatabase();
    const before = await commitMs(database);
    const edge = await edgeMs(database);
    const commit = (before + (await commitMs(database))) / 2;
    const bareEdge = 1_000 / (await bareWritesRate(database, JOBS, 1));
    await database.close();
    if (run === 0) continue;
    bare.push(bareEdge);
    ratios.push(edge / commit);
    edges.push(edge);
    commits.push(commit);
  }
  const ratio = median(ratios);
  const commit = median(commits);
  return [
    { name: "one durable single-row commit", value: `${commit.toFixed(2)} ms` },
    {
      name: "an edge's rows written by nothing but SQL",
      value: `${median(bare).toFixed(2)} ms (${(median(bare) / commit).toFixed(2)}x)`,
    },
    {
      name: `one edge of a chain of ${JOBS.toLocaleString("en")} jobs`,
      value: `${median(edges).toFixed(2)} ms (${ratio.toFixed(2)}x)`,
      target: atMost(ratio, 2.5, "2.5 commits"),
    },
  ];
}

async function commitMs(database: Database): Promise<number> {
  await database.query("bench_table", "CREATE TABLE IF NOT EXISTS bench_commit (n integer)");
  const startMs = monotonicMs();
  for (let n = 0; n < COMMITS; n++) await database.query("bench_commit", "INSERT INTO bench_commit VALUES ($1)", [n]);
  return (monotonicMs() - startMs) / COMMITS;
}

async function edgeMs(database: Database): Promise<number> {
  const officeId = await createOffice(database, "chain", {});
  await submit(
    database,
    officeId,
    makeJobs(JOBS, (index) => (index === 0 ? [] : [index - 1])),
  );
  const runtime = new InstantRuntime();
  const loop = createLoop(database, runtime);
  let started = 0;
  const done = new Promise<void>((resolve) => {
    runtime.onStart = () => {
      started += 1;
      if (started === JOBS) resolve();
    };
  });
  const startMs = monotonicMs();
  await loop.start();
  await done;
  const elapsedMs = monotonicMs() - startMs;
  await loop.stop("finish");
  return elapsedMs / (JOBS - 1);
}

import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { TestOffice } from "../test/support/testOffice.ts";
import { eventually, outputOf, reaches, says, setup, type WorkerWorld } from "./support/workers.ts";

const TICKS = { TICK_INTERVAL_MS: "50" };
/** So short that a test can see a lease end, and long enough for a busy machine. */
const SHORT_LEASE = {
  WORKER_HEARTBEAT_MS: "250",
  WORKER_FENCE_MS: "3000",
  WORKER_LEASE_MS: "4500",
  WORKER_REAP_MS: "200",
};

/** Notes each time that it is run, and whether it was running already; ends when `go` is there. */
const watched = (key: string): string =>
  `exec 9>${key}.lock; flock -n 9 || touch twice; echo "run $ATTEMPT"; touch ${key}-$ATTEMPT; until test -e go; do sleep 0.02; done; echo last`;

const runsOnce = { status: "done", attempt: 1, retry_count: 0 };

async function startOne(world: WorkerWorld, environment: Readonly<Record<string, string>> = {}) {
  const worker = await world.startAndWait({ ...TICKS, ...environment });
  const office = await world.createOffice();
  await world.submit(office, "a", watched("a"));
  await world.folder.fileAppears("a-1");
  return { worker, office };
}

const workerOf = async (office: TestOffice): Promise<string> => {
  const [execution] = await office.executions();
  return execution?.worker_id ?? "";
};

describe("sessions survive their worker", () => {
  test.each([
    ["kill -9", "SIGKILL", "SIGKILL"],
    ["a hand-over", "SIGTERM", 0],
  ] as const)("%s: the next worker takes them over, and goes on with their output", async (_name, signal, exit) => {
    const world = await setup();
    const { worker, office } = await startOne(world);
    await eventually("the first output", async () => ((await outputOf(office, "a")) === "run 1\n" ? true : null));
    await expect(worker.kill(signal)).resolves.toBe(exit);
    const next = await world.startAndWait(TICKS);
    await says(next, "were taken over");
    await expect(office.states()).resolves.toEqual({ a: "processing" });
    world.folder.write("go", "");
    await reaches(office, "a", "done");
    await expect(office.job("a")).resolves.toMatchObject(runsOnce);
    await expect(outputOf(office, "a")).resolves.toBe("run 1\nlast\n");
    expect(world.folder.has("twice")).toBe(false);
    expect(await office.story()).toEqual(["job_created a", "job_ready a", "job_started a", "job_completed a"]);
  });

  test("another worker of the same machine that lives takes them over as well", async () => {
    const world = await setup();
    const first = await world.startAndWait({ ...TICKS, MAX_SESSIONS: "1", WORKER_ID: "first" });
    const office = await world.createOffice();
    await world.submit(office, "a", watched("a"));
    await world.folder.fileAppears("a-1");
    await world.startAndWait({ ...TICKS, WORKER_ID: "second" });
    await first.kill("SIGKILL");
    await eventually("it is the second one's", async () =>
      (await workerOf(office)).startsWith("second/") ? true : null,
    );
    world.folder.write("go", "");
    await reaches(office, "a", "done");
    await expect(office.job("a")).resolves.toMatchObject(runsOnce);
    expect(world.folder.has("twice")).toBe(false);
  });

  test("what ended meanwhile is put on record as it ended, with all that was written", async () => {
    const world = await setup();
    const { worker, office } = await startOne(world);
    await worker.kill("SIGKILL");
    world.folder.write("go", "");
    const [execution] = await office.executions();
    await world.folder.fileAppears(`.office/sessions/${execution?.id}/exit.json`);
    await world.startAndWait(TICKS);
    await reaches(office, "a", "done");
    await expect(office.job("a")).resolves.toMatchObject(runsOnce);
    await expect(outputOf(office, "a")).resolves.toBe("run 1\nlast\n");
  });

  test("a session that was taken over is cancelled like any other", async () => {
    const world = await setup();
    const { worker, office } = await startOne(world);
    await worker.kill("SIGKILL");
    const next = await world.startAndWait(TICKS);
    await says(next, "were taken over");
    await office.cancel("a");
    await eventually("its session is gone", async () =>
      ((await office.executions())[0]?.ended_at ?? null) === null ? null : true,
    );
    await expect(office.executions()).resolves.toMatchObject([{ status: "cancelled" }]);
  });

  test("and times out like any other", async () => {
    const world = await setup();
    const worker = await world.startAndWait(TICKS);
    const office = await world.createOffice();
    const session = { run: watched("a"), cwd: world.folder.path, env: {} };
    await office.submit({ a: { session, timeout_ms: 5_000, max_retries: 0 } });
    await world.folder.fileAppears("a-1");
    await worker.kill("SIGKILL");
    const next = await world.startAndWait(TICKS);
    await says(next, "were taken over");
    await reaches(office, "a", "timeout");
    await expect(office.executions()).resolves.toMatchObject([{ status: "timeout", attempt: 1 }]);
  });

  test("a session whose host died with the worker is stopped, and run again at no cost", async () => {
    const world = await setup();
    const { worker, office } = await startOne(world);
    const [execution] = await office.executions();
    const host = JSON.parse(world.folder.read(`.office/sessions/${execution?.id}/host.json`)) as {
      host: { pid: number };
    };
    await worker.kill("SIGKILL");
    process.kill(host.host.pid, "SIGKILL");
    await world.startAndWait(TICKS);
    await world.folder.fileAppears("a-2");
    world.folder.write("go", "");
    await reaches(office, "a", "done");
    await expect(office.job("a")).resolves.toMatchObject({ status: "done", attempt: 2, retry_count: 0 });
    expect(world.folder.has("twice")).toBe(false);
  });
});

describe("a worker that does not come back", () => {
  test.each([
    ["is gone", "SIGKILL"],
    ["hands over to nobody", "SIGTERM"],
  ] as const)("and %s: its sessions end by themselves, and a worker elsewhere runs them", async (_name, signal) => {
    const world = await setup();
    const { worker, office } = await startOne(world, SHORT_LEASE);
    // Another machine: it knows nothing of the first one's sessions.
    const elsewhere = { OFFICE_HOME: world.folder.at(`.elsewhere-${randomUUID()}`) };
    await world.startAndWait({ ...TICKS, ...SHORT_LEASE, ...elsewhere });
    await worker.kill(signal);
    await world.folder.fileAppears("a-2");
    world.folder.write("go", "");
    await reaches(office, "a", "done");
    await expect(office.job("a")).resolves.toMatchObject({ status: "done", attempt: 2, retry_count: 0 });
    expect(world.folder.has("twice")).toBe(false);
    const [first] = await office.executions();
    expect(first).toMatchObject({ status: "lost" });
  });

  test("being stopped for longer than its lease: its sessions are gone by then, and it goes on afterwards", async () => {
    const world = await setup();
    const { worker, office } = await startOne(world, SHORT_LEASE);
    const elsewhere = { OFFICE_HOME: world.folder.at(".elsewhere") };
    const other = await world.startAndWait({ ...TICKS, ...SHORT_LEASE, ...elsewhere });
    worker.signal("SIGSTOP");
    await world.folder.fileAppears("a-2");
    worker.signal("SIGCONT");
    await says(worker, "was declared lost");
    await other.kill("SIGTERM");
    await world.submit(office, "b", watched("b"));
    await world.folder.fileAppears("b-1");
    world.folder.write("go", "");
    await reaches(office, "a", "done");
    await reaches(office, "b", "done");
    expect(world.folder.has("twice")).toBe(false);
  });
});

describe("a worker that drains", () => {
  test("starts nothing more, and ends with the last of its sessions", async () => {
    const world = await setup();
    const { worker, office } = await startOne(world);
    worker.signal("SIGUSR2");
    await says(worker, "draining");
    await world.submit(office, "b", "true");
    world.folder.write("go", "");
    await expect(worker.exit).resolves.toBe(0);
    await expect(office.states()).resolves.toEqual({ a: "done", b: "ready" });
  });

  test("hands over what still runs when it is told to end", async () => {
    const world = await setup();
    const { worker, office } = await startOne(world);
    worker.signal("SIGUSR2");
    await says(worker, "draining");
    await expect(worker.kill("SIGTERM")).resolves.toBe(0);
    await world.startAndWait(TICKS);
    world.folder.write("go", "");
    await reaches(office, "a", "done");
    await expect(office.job("a")).resolves.toMatchObject(runsOnce);
  });
});

import { closeSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { bootTimeMs } from "office-server/platform/clock.ts";
import { sendSignal } from "office-server/platform/processTable.ts";
import { pause } from "office-server/platform/timers.ts";
import pg from "pg";
import type { Random } from "../random.ts";
import type { Member, World } from "../world/World.ts";
import type { Rescues } from "./Rescues.ts";

export interface Scene {
  world: World;
  random: Random;
  rescues: Rescues;
  /** Resolves when any job starts from now on. */
  whenStarted: () => Promise<void>;
}

/** Breaks something, and heals it. Returns what it did it to; null when there was nothing to do it to. */
type FaultKind = (scene: Scene) => Promise<string | null>;

const anyMember = ({ world, random }: Scene): Member => random.pick([world.api, ...world.workers]);
const anyWorker = ({ world, random }: Scene): Member => random.pick(world.workers);

/** Does something to a member's process, and lets it be so for some time. */
const stopped = async ({ process }: Member, forMs: number): Promise<string> => {
  process.signal("SIGSTOP");
  await pause(forMs);
  process.signal("SIGCONT");
  return process.name;
};

const killWorker: FaultKind = async (scene) => {
  const { process } = anyWorker(scene);
  const { pid } = process;
  if (pid === null) return null;
  const held = await scene.rescues.heldBy(pid);
  const sinceMs = bootTimeMs();
  process.signal("SIGKILL");
  await scene.rescues.watch(held, pid, sinceMs, scene.rescues.takenOver);
  return process.name;
};

/** All workers of a machine at once, and none of them comes back before their lease is over. */
const loseMachine: FaultKind = async (scene) => {
  const { world, rescues } = scene;
  const member = world.workers.at(-1);
  if (member === undefined || member.process.pid === null) return null;
  const { pid } = member.process;
  const held = await rescues.heldBy(pid);
  const sinceMs = bootTimeMs();
  await member.process.hold("SIGKILL");
  await Promise.all([rescues.watch(held, pid, sinceMs, rescues.rescued), pause(world.leases.leaseMs + 5_000)]);
  member.process.start();
  return member.process.name;
};

const anyBackend = async ({ world }: Scene): Promise<number | null> => {
  const [row] = await world.database.query<{ pid: number }>(
    "",
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
     AND application_name LIKE 'office%' ORDER BY random() LIMIT 1`,
  );
  return row?.pid ?? null;
};

const killServer = async (scene: Scene, pid: number, what: string): Promise<string> => {
  process.kill(pid, "SIGKILL");
  await scene.rescues.watchDatabase(scene.whenStarted);
  return what;
};

const inProxy =
  (breakIt: (proxy: Member["proxy"], scene: Scene) => Promise<void>): FaultKind =>
  async (scene) => {
    const { process, proxy } = anyMember(scene);
    await breakIt(proxy, scene);
    proxy.admit();
    return process.name;
  };

/** Fills the disk of the second machine, where that has one of its own. */
const fillDisk: FaultKind = async ({ world, random }) => {
  if (world.smallDisk === null) return null;
  const path = join(world.smallDisk, "filler");
  const file = openSync(path, "w");
  try {
    const block = Buffer.alloc(1024 * 1024);
    while (writeSync(file, block) === block.length);
  } catch {
    // Full.
  } finally {
    closeSync(file);
  }
  await pause(random.between(1_000, 4_000));
  rmSync(path);
  return "machine-b";
};

/** A snapshot that somebody keeps: what dies since cannot be cleared away. */
const holdTransaction: FaultKind = async ({ world, random }) => {
  const client = new pg.Client({ connectionString: world.databaseUrl });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await client.query("SELECT count(*) FROM job_executions WHERE ended_at IS NULL");
    await pause(random.between(5_000, 30_000));
  } finally {
    await client.end().catch(() => {});
  }
  return "the database";
};

const jumpClock: FaultKind = async ({ world, random }) => {
  if (world.clockFile === null) return null;
  writeFileSync(world.clockFile, random.pick(["+3600s", "-3600s"]));
  await pause(random.between(2_000, 10_000));
  writeFileSync(world.clockFile, "+0s");
  return "the clock of API and workers";
};

const signalHost =
  (act: (pid: number, scene: Scene) => Promise<void>): FaultKind =>
  async (scene) => {
    const hosts = scene.world.sessionHosts();
    if (hosts.length === 0) return null;
    const pid = scene.random.pick(hosts);
    await act(pid, scene);
    return String(pid);
  };

/** Each with how often it happens, relative to the others. */
export const FAULTS: readonly { name: string; weight: number; strike: FaultKind }[] = [
  { name: "worker-kill", weight: 6, strike: killWorker },
  { name: "worker-stop", weight: 2, strike: (scene) => stopped(anyWorker(scene), 2 * scene.world.leases.leaseMs) },
  { name: "worker-pause", weight: 3, strike: (scene) => stopped(anyWorker(scene), scene.random.between(500, 3_000)) },
  {
    name: "worker-hand-over",
    weight: 4,
    strike: async (scene) => {
      const { process } = anyWorker(scene);
      process.signal("SIGTERM");
      return process.name;
    },
  },
  {
    name: "worker-drain",
    weight: 1,
    strike: async (scene) => {
      const { process } = anyWorker(scene);
      process.signal("SIGUSR2");
      await pause(scene.random.between(500, 3_000));
      process.signal("SIGTERM");
      return process.name;
    },
  },
  { name: "machine-loss", weight: 1, strike: loseMachine },
  {
    name: "api-kill",
    weight: 4,
    strike: async ({ world: { api } }) => {
      api.process.signal("SIGKILL");
      return api.process.name;
    },
  },
  { name: "api-stop", weight: 2, strike: ({ world, random }) => stopped(world.api, random.between(500, 4_000)) },
  {
    name: "host-kill",
    weight: 4,
    strike: signalHost(async (pid) => {
      sendSignal(pid, "SIGKILL");
    }),
  },
  {
    name: "host-stop",
    weight: 3,
    // Past the lease: the session must end in time all the same.
    strike: signalHost(async (pid, { world, random }) => {
      sendSignal(pid, "SIGSTOP");
      await pause(random.between(500, 2 * world.leases.leaseMs));
      sendSignal(pid, "SIGCONT");
    }),
  },
  {
    name: "backend-terminate",
    weight: 4,
    strike: async (scene) => {
      const pid = await anyBackend(scene);
      if (pid !== null) await scene.world.database.query("", "SELECT pg_terminate_backend($1)", [pid]);
      return pid === null ? null : String(pid);
    },
  },
  {
    name: "backend-kill",
    weight: 1,
    strike: async (scene) => {
      const pid = await anyBackend(scene);
      return pid === null ? null : killServer(scene, pid, `backend ${pid}`);
    },
  },
  {
    name: "server-kill",
    weight: 1,
    strike: async (scene) => killServer(scene, scene.world.postmasterPid, "the server"),
  },
  { name: "proxy-cut", weight: 4, strike: inProxy(async (proxy) => proxy.cut()) },
  {
    name: "proxy-refuse",
    weight: 2,
    strike: inProxy(async (proxy, { random }) => {
      proxy.refuse();
      await pause(random.between(500, 5_000));
    }),
  },
  {
    name: "proxy-delay",
    weight: 2,
    strike: inProxy(async (proxy, { random }) => {
      proxy.delay(random.between(20, 300));
      await pause(random.between(1_000, 5_000));
    }),
  },
  {
    name: "proxy-freeze",
    weight: 2,
    strike: inProxy(async (proxy, { random }) => {
      proxy.freeze();
      await pause(random.between(1_000, 12_000));
    }),
  },
  {
    name: "proxy-half-close",
    weight: 2,
    strike: inProxy(async (proxy, { random }) => {
      proxy.halfClose(random.pick(["client", "server"]));
      await pause(1_000);
    }),
  },
  {
    name: "commit-cut-before",
    weight: 6,
    strike: inProxy(async (proxy) => {
      await Promise.race([proxy.cutAtCommit("before"), pause(3_000)]);
    }),
  },
  {
    name: "commit-cut-after",
    weight: 8,
    strike: inProxy(async (proxy) => {
      await Promise.race([proxy.cutAtCommit("after"), pause(3_000)]);
    }),
  },
  {
    name: "listen-deaf",
    weight: 2,
    strike: async (scene) => {
      const { process, proxy } = anyMember(scene);
      return proxy.deafen() ? process.name : null;
    },
  },
  { name: "held-transaction", weight: 1, strike: holdTransaction },
  { name: "disk-full", weight: 1, strike: fillDisk },
  { name: "clock-jump", weight: 2, strike: jumpClock },
];

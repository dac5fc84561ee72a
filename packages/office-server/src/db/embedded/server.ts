import { spawn } from "node:child_process";
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { sendSignal } from "../../platform/processTable.ts";
import { waitUntil } from "../../platform/waitUntil.ts";
import { runAs } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { SERVER_ENVIRONMENT } from "./cluster.ts";
import { diskFullError, EmbeddedPostgresError, isDiskFull } from "./errors.ts";
import type { Placement } from "./placement.ts";
import { clearDeadPostmaster, readPostmaster } from "./postmaster.ts";
import { settingArguments } from "./settings.ts";

export interface ServerOptions {
  placement: Placement;
  binaries: Binaries;
  /** What the server has to say, its errors above all. */
  logFile: string;
  settings: Readonly<Record<string, string>>;
}

const LOG_BYTES_MAX = 8 * 1024 * 1024;
const LOOK_AGAIN_MS = 10;
/** Recovery reads up to 2 GB of log again. */
const START_TIMEOUT_MS = 5 * 60_000;
/** A fast shutdown writes what is in memory and not yet in the data files. */
const STOP_TIMEOUT_MS = 2 * 60_000;
/** How long the processes of a server that was killed may take to notice. Those in the middle of a query take longer. */
const ORPHANS_TIMEOUT_MS = 30_000;

/** Starts a server that lives on without us, and resolves with its port when it takes connections. */
export async function startServer(options: ServerOptions): Promise<number> {
  const formerPort = clearDeadPostmaster(options.placement.dataFolder);
  const started = await waitUntil(
    async () => {
      const attempt = await tryToStart(options, await freePort(formerPort));
      return attempt.kind === "again" ? null : attempt;
    },
    { everyMs: 200, timeoutMs: ORPHANS_TIMEOUT_MS },
  );
  if (started?.kind === "started") return started.port;
  if (started?.kind === "failed") throw started.error;
  throw new EmbeddedPostgresError(
    `Processes of a PostgreSQL server that was killed still work on ${options.placement.dataFolder}. ` +
      'Try again when they have ended, or end them: `ps` shows them as "postgres: office ...".',
  );
}

type Attempt =
  | { kind: "started"; port: number }
  /** Something passing was in the way: another program took the port, or a dead server's processes still run. */
  | { kind: "again" }
  | { kind: "failed"; error: EmbeddedPostgresError };

async function tryToStart({ placement, binaries, logFile, settings }: ServerOptions, port: number): Promise<Attempt> {
  const log = openLog(logFile);
  const logStart = fstatSync(log).size;
  const args = ["-D", placement.dataFolder, ...settingArguments({ ...settings, port: `${port}` })];
  const child = spawn(binaries.postgres, args, {
    ...runAs(placement.account),
    cwd: "/",
    // A session of its own: Ctrl-C in our terminal is not for the server.
    detached: true,
    env: SERVER_ENVIRONMENT,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.unref();
  let end: string | null = null;
  child.on("exit", () => (end = "")).on("error", ({ message }) => (end = message));
  const isReady = (): boolean => readPostmaster(placement.dataFolder)?.ready === true;
  const outcome = await waitUntil(() => end ?? (isReady() ? "ready" : null), {
    everyMs: LOOK_AGAIN_MS,
    timeoutMs: START_TIMEOUT_MS,
  });
  if (outcome === "ready") return { kind: "started", port };
  const said = readFileSync(logFile).subarray(logStart).toString() + (outcome ?? "It is still not ready.");
  if (/could not bind|pre-existing shared memory block|is still in use/.test(said)) return { kind: "again" };
  if (isDiskFull(said)) return { kind: "failed", error: diskFullError(placement.dataFolder) };
  const reason = said.trim().split("\n").slice(-5).join(" ");
  return { kind: "failed", error: new EmbeddedPostgresError(`PostgreSQL did not start: ${reason} (see ${logFile})`) };
}

/** Appends, also in the server that keeps it open; so that it can be cut off at any time. */
function openLog(logFile: string): number {
  const log = openSync(logFile, "a", 0o600);
  if (fstatSync(log).size > LOG_BYTES_MAX) {
    ftruncateSync(log);
    writeSync(log, "(what was here was more than 8 MB, and was removed)\n");
  }
  return log;
}

/** A port that nobody listens on: the one asked for if possible. */
function freePort(preferred: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", () => {
      if (preferred === null) reject(new EmbeddedPostgresError("No port is free on 127.0.0.1"));
      else resolve(freePort(null));
    });
    probe.listen({ port: preferred ?? 0, host: "127.0.0.1" }, () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Waits for a living server that does not take connections yet (or any more). Null when there is none, or it ended. */
export async function runningPort(dataFolder: string): Promise<number | null> {
  const settled = await waitUntil(
    () => {
      const postmaster = readPostmaster(dataFolder);
      if (postmaster === null) return { port: null };
      return postmaster.ready && postmaster.port !== null ? { port: postmaster.port } : null;
    },
    { everyMs: LOOK_AGAIN_MS, timeoutMs: START_TIMEOUT_MS },
  );
  if (settled === null) throw new EmbeddedPostgresError(`The PostgreSQL server on ${dataFolder} does not get ready.`);
  return settled.port;
}

/** Ends the server: connections are cut, what was committed is kept. Resolves when its process is gone. */
export async function stopServer(dataFolder: string): Promise<void> {
  const postmaster = readPostmaster(dataFolder);
  if (postmaster === null) return;
  sendSignal(postmaster.pid, "SIGINT");
  const gone = await waitUntil(() => (readPostmaster(dataFolder) === null ? true : null), {
    everyMs: LOOK_AGAIN_MS,
    timeoutMs: STOP_TIMEOUT_MS,
  });
  if (gone === null) throw new EmbeddedPostgresError(`The PostgreSQL server (pid ${postmaster.pid}) does not stop.`);
}

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sessionSpecSchema } from "office-contract/session.ts";
import type { z } from "zod";
import type { SessionOutcome, StopCause } from "../../domain/outcome.ts";
import { monotonicMs } from "../../platform/clock.ts";
import { pause, setLongTimer, type Timer } from "../../platform/timers.ts";
import { type Environment, refusedNames } from "./environment.ts";
import {
  type ControlRecord,
  type OutputLimits,
  outputPath,
  readRecord,
  type SessionLease,
  type StartSpec,
  stdinPath,
  writeRecord,
} from "./host/records.ts";
import { AdoptedHost } from "./AdoptedHost.ts";
import { type HostEnd, HostPool, type HostProcess, type SessionHost } from "./hostPool.ts";
import { endSession, killSession } from "./leftBehind.ts";
import { judgeSession } from "./OutputMonitor.ts";
import type { SessionEnd, SessionRequest, SessionRuntime } from "./runtime.ts";
import { type StartContext, startSpecOf } from "./startSpec.ts";

const MEBIBYTE = 1024 * 1024;
const HOSTS_TRIED_MAX = 3;
/** A host that somebody has stopped (SIGSTOP), or that could not be told something, is not left so for longer. */
const GO_ON_MS = 1_000;
const READ_AGAIN_MS = 250;

export interface SessionOrchestratorOptions {
  /** Absolute. Each session gets a folder in it, named after its execution. */
  sessionsDirectory: string;
  /** The operator's, of which sessions get the allowed part. */
  environment: Environment;
  /** Told what an operator should know. */
  log?: (message: string) => void;
  /** Hosts that wait, started, for the next session. Default 1. */
  spareHosts?: number;
  /** From SIGTERM to SIGKILL. Default 10 s. */
  termGraceMs?: number;
  /** Default 8 MiB each for head and tail. */
  outputLimits?: OutputLimits;
  /** What sessions that are started now go by. Default: nothing, they go on without any worker. */
  lease?: () => SessionLease | null;
  /** Told when a session's program has been started: how long that took, in ms. */
  onProgramStarted?: (startMs: number) => void;
}

interface RunningSession {
  directory: string;
  /** Monotonic: when it was asked for. */
  askedAtMs: number;
  control: ControlRecord;
  /** What `control` says could not be written down yet. */
  isUntold: boolean;
  host: SessionHost | null;
}

/** Starts sessions, each in a host process of its own, and learns how they ended. */
export class SessionOrchestrator implements SessionRuntime {
  readonly #sessionsDirectory: string;
  readonly #context: StartContext;
  readonly #hosts: HostPool;
  readonly #log: (message: string) => void;
  readonly #onProgramStarted: (startMs: number) => void;
  readonly #sessions = new Map<string, RunningSession>();
  #goingOn: Timer | null = null;

  constructor(options: SessionOrchestratorOptions) {
    const { sessionsDirectory, environment, spareHosts = 1, termGraceMs = 10_000, log = () => {} } = options;
    const lease = options.lease ?? (() => null);
    const output = options.outputLimits ?? { headBytes: 8 * MEBIBYTE, tailBytes: 8 * MEBIBYTE };
    this.#sessionsDirectory = sessionsDirectory;
    this.#context = { environment, installation: import.meta.dirname, termGraceMs, output, lease };
    this.#hosts = new HostPool(sessionsDirectory, spareHosts, environment);
    this.#log = log;
    this.#onProgramStarted = options.onProgramStarted ?? (() => {});
    const refused = refusedNames(environment);
    if (refused.length > 0) log(`SESSION_ENV names what no session may see, and it is left out: ${refused.join(", ")}`);
  }

  get running(): number {
    return this.#sessions.size;
  }

  /** Starts the spare hosts, so that the first session starts as fast as all others. Optional. */
  warmUp(): void {
    this.#hosts.fill();
  }

  start(request: SessionRequest, onEnd: (end: SessionEnd) => void): void {
    const { executionId } = request;
    if (this.#sessions.has(executionId)) {
      const outcome: SessionOutcome = { kind: "crashed", message: `execution ${executionId} is running already` };
      queueMicrotask(() => onEnd({ executionId, outcome, directory: null }));
      return;
    }
    const session = this.#open(executionId, { stop: null, timeoutMs: null, lease: null });
    void this.#run(request, session).then((outcome) => this.#close(executionId, session, outcome, onEnd));
  }

  adopt(executionId: string, timeoutMs: number, onEnd: (end: SessionEnd) => void): void {
    const session = this.#open(executionId, { stop: null, timeoutMs, lease: this.#context.lease() });
    void this.#goOn(session).then((outcome) => this.#close(executionId, session, outcome, onEnd));
  }

  wasStarted(executionId: string): boolean {
    return existsSync(join(this.#sessionsDirectory, executionId));
  }

  stop(executionId: string, cause: StopCause): void {
    const session = this.#sessions.get(executionId);
    if (session === undefined || session.control.stop !== null) return;
    session.control.stop = cause;
    if (!this.#tellHost(session)) session.host?.interrupt();
  }

  setTimeout(executionId: string, timeoutMs: number): void {
    const session = this.#sessions.get(executionId);
    if (session === undefined) return;
    session.control.timeoutMs = timeoutMs;
    this.#tellHost(session);
  }

  /** Kills every session, without a grace. Their ends are reported as usual. */
  async killAll(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(({ directory }) => killSession(directory)));
  }

  /** Ends the spare hosts. Sessions go on: they need no worker. */
  async close(): Promise<void> {
    this.#goingOn?.cancel();
    await this.#hosts.stop();
  }

  #open(executionId: string, control: ControlRecord): RunningSession {
    const directory = join(this.#sessionsDirectory, executionId);
    const session: RunningSession = { directory, askedAtMs: monotonicMs(), control, isUntold: false, host: null };
    this.#sessions.set(executionId, session);
    this.#keepGoing();
    return session;
  }

  #keepGoing(): void {
    this.#goingOn ??= setLongTimer(() => {
      this.#goingOn = null;
      for (const session of this.#sessions.values()) {
        if (session.isUntold) this.#tellHost(session);
        session.host?.goOn();
      }
      if (this.#sessions.size > 0) this.#keepGoing();
    }, GO_ON_MS);
  }

  #close(
    executionId: string,
    { directory }: RunningSession,
    outcome: SessionOutcome,
    onEnd: (end: SessionEnd) => void,
  ): void {
    this.#sessions.delete(executionId);
    if (this.#sessions.size === 0) {
      this.#goingOn?.cancel();
      this.#goingOn = null;
    }
    onEnd({ executionId, outcome, directory: existsSync(directory) ? directory : null });
  }

  async #run(request: SessionRequest, session: RunningSession): Promise<SessionOutcome> {
    // Another program may have written it.
    const checked = sessionSpecSchema.safeParse(request.spec);
    if (!checked.success) {
      const message = `its session cannot be run: ${problemsIn(checked.error)}`;
      return { kind: "failed", errorClass: "INVALID_JOB", message, exitCode: null };
    }
    try {
      const spec = this.#prepare(request, session.directory);
      const hostEnd = await this.#runInHost(session);
      return await this.#judge(spec, session, hostEnd);
    } catch (error) {
      return { kind: "crashed", message: `the session could not be run: ${(error as Error).message}` };
    }
  }

  async #goOn(session: RunningSession): Promise<SessionOutcome> {
    const { directory, control } = session;
    const [spec, host, last] = await untilRead(() => [
      readRecord(directory, "spec"),
      readRecord(directory, "host")?.host ?? null,
      readRecord(directory, "control"),
    ]);
    if (spec === null || host === null) return { kind: "crashed", message: "nothing is known of its session" };
    control.stop ??= last?.stop ?? null;
    try {
      session.host = new AdoptedHost(directory, host);
      this.#tellHost(session);
      return await this.#judge(spec, session, await this.#runInHost(session, session.host));
    } catch (error) {
      return { kind: "crashed", message: `the session could not be taken over: ${(error as Error).message}` };
    }
  }

  /** Writes down all that the host needs. A folder that is there already means that the execution has run before. */
  #prepare(request: SessionRequest, directory: string): StartSpec {
    const { spec, stdin } = startSpecOf(request, this.#context);
    mkdirSync(this.#sessionsDirectory, { recursive: true, mode: 0o700 });
    mkdirSync(directory, { mode: 0o700 });
    writeRecord(directory, "spec", spec);
    if (stdin !== null) writeFileSync(stdinPath(directory), stdin, { mode: 0o600 });
    return spec;
  }

  /** Resolves when nothing of the session is left, with how its host ended. */
  async #runInHost(session: RunningSession, firstHost?: SessionHost): Promise<HostEnd> {
    const { directory } = session;
    let host = firstHost ?? this.#assignHost(session);
    for (let tried = 1; ; tried++) {
      session.host = host;
      const end = await host.exited;
      if (end.clean && readRecord(directory, "exit") !== null) return end;
      this.#log(`a session host died (${end.how}); what it wrote is in ${join(this.#sessionsDirectory, "hosts.log")}`);
      await endSession(directory, this.#context.termGraceMs);
      const started = (readRecord(directory, "host")?.startedAt ?? null) !== null;
      if (started || session.control.stop !== null || tried === HOSTS_TRIED_MAX) return end;
      host = this.#assignHost(session);
    }
  }

  #assignHost({ directory, askedAtMs }: RunningSession): HostProcess {
    const host = this.#hosts.take();
    if (host.identity === null) return host;
    try {
      writeRecord(directory, "host", { host: host.identity, startedAt: null, program: null });
    } catch (error) {
      host.dismiss();
      throw error;
    }
    host.assign(directory);
    void host.underWay.then((started) => {
      if (started) this.#onProgramStarted(monotonicMs() - askedAtMs);
    });
    return host;
  }

  async #judge(spec: StartSpec, { directory, control }: RunningSession, hostEnd: HostEnd): Promise<SessionOutcome> {
    const exit = readRecord(directory, "exit");
    // We asked it to stop, and it stopped, even if it was not the host that did it for our reason.
    if (control.stop !== null && (exit === null || exit.stopCause === "interrupted")) {
      return { kind: "stopped", cause: control.stop };
    }
    if (exit === null) return { kind: "crashed", message: `the session's host died (${hostEnd.how})` };
    return judgeSession(spec.command, outputPath(directory), exit);
  }

  /** Returns whether the host will hear. If not, on a full disk, say, it is tried again until it does. */
  #tellHost(session: RunningSession): boolean {
    const { directory, control, host, isUntold } = session;
    try {
      writeRecord(directory, "control", control);
      host?.wake();
      session.isUntold = false;
    } catch (error) {
      if (!isUntold) this.#log(`cannot write control.json in ${directory}: ${(error as Error).message}`);
      session.isUntold = true;
    }
    return !session.isUntold;
  }
}

/** What cannot be read at the moment (too many open files, say) tells nothing of a session that may be running. */
async function untilRead<T>(read: () => T): Promise<T> {
  for (;;) {
    try {
      return read();
    } catch {
      await pause(READ_AGAIN_MS);
    }
  }
}

/** What is wrong with a session that another program has written, each with the name of its field. */
const problemsIn = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${["session", ...path.map(String)].join(".")} ${message}`).join("; ");

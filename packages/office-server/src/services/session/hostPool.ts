import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { identityOf, type ProcessIdentity } from "../../platform/processIdentity.ts";
import { setLongTimer, type Timer } from "../../platform/timers.ts";
import type { Environment } from "./environment.ts";
import { SAYS_STARTED } from "./host/records.ts";

// Starting a host keeps a processor busy for a while: a program that has just been started comes first.
const REFILL_DELAY_MS = 20;
const HOST_PROGRAM = join(import.meta.dirname, "host", "main.ts");

export interface HostEnd {
  /** It ended by its own decision: either it had no session, or nothing of its session is left. */
  clean: boolean;
  how: string;
}

/** A session host that has a session. */
export interface SessionHost {
  /** Resolves when the process is gone. */
  readonly exited: Promise<HostEnd>;
  /** Lets it read the session's control record, as soon as it can hear. */
  wake(): void;
  /** Lets it go on, should somebody have stopped it; otherwise nothing happens. */
  goOn(): void;
  /** Ends the session without any file: for a disk that is full. */
  interrupt(): void;
}

/** A session host, as the worker that started it sees it. */
export class HostProcess implements SessionHost {
  /** Null when it could not be started. */
  readonly identity: ProcessIdentity | null;
  readonly exited: Promise<HostEnd>;
  /** Resolves when its session's program has been started (true), or will never be. */
  readonly underWay: Promise<boolean>;
  readonly #child: ChildProcess;
  #alive = true;
  #hearsSignals = false;
  #wakePending = false;

  constructor(sessionsDirectory: string, environment: Record<string, string>) {
    const errors = openSync(join(sessionsDirectory, "hosts.log"), "a", 0o600);
    // One thread is enough for a process that mostly waits: no pool for V8 saves three more.
    this.#child = spawn(process.execPath, ["--v8-pool-size=0", HOST_PROGRAM], {
      cwd: sessionsDirectory,
      env: environment,
      detached: true,
      stdio: ["pipe", "pipe", errors],
    });
    closeSync(errors);
    this.identity = this.#child.pid === undefined ? null : identityOf(this.#child.pid);
    this.exited = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => resolve({ clean: code === 0, how: signal ?? `exit code ${code}` }));
      this.#child.once("error", ({ message }) => {
        if (this.identity === null) resolve({ clean: false, how: message });
      });
    });
    void this.exited.then(() => (this.#alive = false));
    // It may die before it reads; its exit tells.
    this.#child.stdin?.on("error", () => {});
    const started = new Promise<true>((resolve) => {
      this.#child.stdout?.on("data", (said: Buffer) => {
        this.#hear();
        if (said.includes(SAYS_STARTED)) resolve(true);
      });
    });
    this.underWay = Promise.race([started, this.exited.then(() => false)]);
    this.#unref();
  }

  get usable(): boolean {
    return this.#alive && this.identity !== null;
  }

  /** Gives it its session. From now on it keeps the event loop alive until it exits. */
  assign(sessionDirectory: string): void {
    this.#child.ref();
    this.#child.stdin?.end(`${sessionDirectory}\n`);
  }

  wake(): void {
    this.#wakePending = !this.#hearsSignals;
    if (!this.#hearsSignals) return;
    this.#child.kill("SIGHUP");
    // It can only hear that while it is not stopped.
    this.goOn();
  }

  goOn(): void {
    this.#child.kill("SIGCONT");
  }

  interrupt(): void {
    this.#child.kill("SIGTERM");
  }

  /** Ends a host that has no session. */
  dismiss(): void {
    this.#child.ref();
    this.#child.stdin?.end();
  }

  /** Whatever it says, it has set up its signals before. */
  #hear(): void {
    this.#hearsSignals = true;
    if (this.#wakePending) this.wake();
  }

  #unref(): void {
    this.#child.unref();
    (this.#child.stdin as Socket | null)?.unref();
    (this.#child.stdout as Socket | null)?.unref();
  }
}

/** Keeps a few hosts started ahead of time, since starting one takes longer than starting a session may. */
export class HostPool {
  readonly #sessionsDirectory: string;
  readonly #environment: Record<string, string>;
  readonly #sparesMax: number;
  #spares: HostProcess[] = [];
  #refill: Timer | null = null;
  #stopped = false;

  /** `operator` is the environment of the worker; a host gets next to nothing of it. */
  constructor(sessionsDirectory: string, sparesMax: number, operator: Environment) {
    this.#sessionsDirectory = sessionsDirectory;
    this.#sparesMax = sparesMax;
    this.#environment = hostEnvironment(sessionsDirectory, operator);
  }

  /** Starts the spares that are missing. */
  fill(): void {
    if (this.#stopped) return;
    mkdirSync(this.#sessionsDirectory, { recursive: true, mode: 0o700 });
    this.#spares = this.#spares.filter(({ usable }) => usable);
    while (this.#spares.length < this.#sparesMax) this.#spares.push(this.#startHost());
  }

  /** A host without a session: a spare, or where there is none a new one. */
  take(): HostProcess {
    this.#spares = this.#spares.filter(({ usable }) => usable);
    const host = this.#spares.shift() ?? this.#startHost();
    void host.underWay.then(() => this.#refillSoon());
    return host;
  }

  /** Ends the spares. Hosts that have a session are not touched. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#refill?.cancel();
    const spares = this.#spares.splice(0);
    for (const spare of spares) spare.dismiss();
    await Promise.all(spares.map(({ exited }) => exited));
  }

  #refillSoon(): void {
    this.#refill ??= setLongTimer(() => this.#refillNow(), REFILL_DELAY_MS);
  }

  #refillNow(): void {
    this.#refill = null;
    try {
      this.fill();
    } catch {
      // The next session starts a host itself, and says what is wrong if that fails as well.
    }
  }

  #startHost(): HostProcess {
    return new HostProcess(this.#sessionsDirectory, this.#environment);
  }
}

function hostEnvironment(sessionsDirectory: string, operator: Environment): Record<string, string> {
  const environment: Record<string, string> = {
    PATH: operator["PATH"] ?? "/usr/bin:/bin",
    // Without it every host would strip the types from its own source: twice the time and half again the memory.
    NODE_COMPILE_CACHE: join(sessionsDirectory, ".host-cache"),
  };
  // An office inside a session of another one: its hosts end with that session.
  if (operator["EXECUTION_ID"]) environment["EXECUTION_ID"] = operator["EXECUTION_ID"];
  return environment;
}

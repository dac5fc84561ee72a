import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { monotonicMs } from "office-server/platform/clock.ts";
import { ENDS_WITH_PARENT } from "office-server/platform/parentProcess.ts";
import { setLongTimer, type Timer } from "office-server/platform/timers.ts";
import { nextRestart, type Restarts } from "./restarts.ts";

export interface SupervisedOptions {
  name: string;
  /** The file that Node runs. */
  program: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** What makes it end in good order, with all that it runs. */
  stopSignal: NodeJS.Signals;
  /** What it writes, line by line. */
  onLine: (line: string) => void;
  /** What happens to it. */
  onNotice: (text: string) => void;
  /** It has ended in a way that makes no sense to repeat. */
  onHopeless: (exitCode: 1 | 2) => void;
}

const WRONG_CONFIGURATION = 2;

/** A process that is started again when it ends, until it is stopped. */
export class SupervisedProcess {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | null = null;
  #restarts: Restarts = { inARow: 0 };
  #restart: Timer | null = null;
  #stopping = false;
  #wasReady = false;
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Resolves when it has said for the first time that it is ready. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  start(): void {
    const { program, environment, onLine } = this.#options;
    const startedAtMs = monotonicMs();
    const child = spawn(process.execPath, [program], {
      env: { ...environment, [ENDS_WITH_PARENT]: "1" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // In a group of its own: Ctrl-C is for us, and we pass it on in our way.
      detached: true,
    });
    this.#child = child;
    for (const input of [child.stdout, child.stderr]) {
      if (input !== null) createInterface({ input }).on("line", onLine);
    }
    child.on("message", (message) => {
      if (message !== "ready") return;
      this.#wasReady = true;
      this.#ready.resolve();
    });
    child.on("error", (error) => this.#ended(startedAtMs, `could not be started: ${error.message}`));
    child.on("close", (code, signal) => {
      this.#ended(startedAtMs, signal === null ? `ended with ${code}` : `was killed by ${signal}`, code);
    });
  }

  /** Tells it to end, in good order by default, and not to be started again. Resolves when it is gone. */
  stop(signal: NodeJS.Signals = this.#options.stopSignal): Promise<void> {
    this.#stopping = true;
    this.#restart?.cancel();
    if (this.#child === null) this.#gone.resolve();
    else this.#child.kill(signal);
    return this.#gone.promise;
  }

  #ended(startedAtMs: number, how: string, code: number | null = null): void {
    if (this.#child === null) return;
    this.#child = null;
    const { onNotice, onHopeless } = this.#options;
    if (this.#stopping) {
      this.#gone.resolve();
      return;
    }
    // What does not even start is told by its log, and would not start another time either.
    if (code === WRONG_CONFIGURATION || !this.#wasReady) {
      onNotice(`${this.name} ${how}`);
      onHopeless(code === WRONG_CONFIGURATION ? 2 : 1);
      return;
    }
    const { delayMs, restarts } = nextRestart(this.#restarts, monotonicMs() - startedAtMs);
    this.#restarts = restarts;
    onNotice(`${this.name} ${how}; it is started again in ${delayMs / 1_000} s`);
    this.#restart = setLongTimer(() => this.start(), delayMs);
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { setLongTimer, type Timer } from "office-server/platform/timers.ts";

export interface SupervisedOptions {
  name: string;
  program: string;
  folder: string;
  environment: Readonly<Record<string, string>>;
  logFile: string;
}

const RESTART_MS = 500;

/** A process that is started again when it ends, as PM2 and `office up` do it. */
export class Supervised {
  readonly #options: SupervisedOptions;
  readonly #log;
  #child: ChildProcess | null = null;
  #restart: Timer | null = null;
  #held = false;
  /** Where it listens, since it said so last. */
  #ready = Promise.withResolvers<string>();
  #gone = Promise.withResolvers<void>();
  /** How often it was started. */
  starts = 0;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: "a" });
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves when it is ready, now or after its next start. */
  get ready(): Promise<string> {
    return this.#ready.promise;
  }

  start(): void {
    this.#held = false;
    this.#restart?.cancel();
    if (this.#child !== null) return;
    this.starts += 1;
    const { program, folder, environment } = this.#options;
    const child = spawn(process.execPath, [program], {
      cwd: folder,
      env: { PATH: process.env["PATH"], ...environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    this.#gone = Promise.withResolvers();
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on("line", (line) => {
        this.#log.write(`${line}\n`);
        if (line.includes('"msg":"ready"')) this.#ready.resolve((JSON.parse(line) as { url: string }).url);
      });
    }
    child.on("close", () => {
      this.#child = null;
      this.#ready = Promise.withResolvers();
      this.#gone.resolve();
      if (!this.#held) this.#restart = setLongTimer(() => this.start(), RESTART_MS);
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it, and does not start it again. Resolves when it is gone. */
  async hold(signal: NodeJS.Signals): Promise<void> {
    this.#held = true;
    this.#restart?.cancel();
    if (this.#child === null) return;
    this.#child.kill(signal);
    // One that was stopped hears nothing else.
    this.#child.kill("SIGCONT");
    await this.#gone.promise;
  }
}

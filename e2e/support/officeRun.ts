import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { JobEvent } from "office-contract/events.ts";
import type { EventType } from "office-contract/vocabulary.ts";

const LAUNCHER = join(import.meta.dirname, "../../office");

/** The last line of `office run --json`. */
export interface Summary {
  type: "summary";
  ok: boolean;
  interrupted: boolean;
  jobs: Record<string, number>;
  failures: {
    job_key: string;
    status: string;
    error_class: string | null;
    message: string | null;
    attempts: number;
    output: string | null;
  }[];
}

/** One `office` process, started as a shell starts it: at the head of a process group of its own. */
export class OfficeRun {
  /** Of `--json`, as they come. */
  readonly events: JobEvent[] = [];
  readonly stdout: string[] = [];
  stderr = "";
  /** The exit code; 128 and more when a signal ended it. */
  readonly exit: Promise<number>;
  readonly #child: ChildProcess;
  #summary: Summary | null = null;
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(folder: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#child = spawn(LAUNCHER, args, {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: process.env["TMPDIR"], ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#tell();
    });
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", (line) => this.#take(line));
    }
    this.exit = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", (code, signal) => {
        this.#ended = true;
        this.#tell();
        resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15));
      });
    });
  }

  get summary(): Summary {
    if (this.#summary === null) throw new Error(`there is no summary; stderr: ${this.stderr}`);
    return this.#summary;
  }

  /** The first event of a type about a job, past or to come. */
  event(type: EventType, key: string, attempt?: number): Promise<JobEvent> {
    const isIt = (event: JobEvent) =>
      event.type === type && event.job_key === key && (attempt === undefined || event.attempt === attempt);
    return this.#when(`${type} ${key}`, () => this.events.find(isIt));
  }

  /** Resolves when stderr says this. */
  async says(text: string): Promise<void> {
    await this.#when(text, () => this.stderr.includes(text) || undefined);
  }

  /** Resolves with the first line of stdout that says this. */
  async line(text: string): Promise<string> {
    return this.#when(text, () => this.stdout.find((line) => line.includes(text)));
  }

  /** `type key` of each event, without those that came with the submission. */
  story(...types: EventType[]): string[] {
    return this.events
      .filter(({ type }) => types.includes(type))
      .map(({ type, job_key: key }) => `${type.replace("job_", "")} ${key}`);
  }

  /** As a terminal does on Ctrl-C: to the whole process group. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-(this.#child.pid ?? 0), signal);
  }

  /** To the process alone, as the kernel does when memory is short. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #take(line: string): void {
    this.stdout.push(line);
    if (line.startsWith("{")) {
      const value = JSON.parse(line) as JobEvent | Summary;
      if (value.type === "summary") this.#summary = value;
      else this.events.push(value);
    }
    this.#tell();
  }

  #tell(): void {
    for (const look of this.#waiting) look();
  }

  #when<T>(what: string, probe: () => T | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = (): void => {
      const answer = probe();
      if (answer !== undefined) resolve(answer);
      else if (this.#ended) reject(new Error(`it ended without "${what}"; stderr: ${this.stderr}`));
    };
    this.#waiting.add(look);
    look();
    return promise;
  }
}

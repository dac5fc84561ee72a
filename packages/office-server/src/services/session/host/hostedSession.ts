import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import type { StopCause } from "../../../domain/outcome.ts";
import { bootTimeMs, monotonicMs, wallClock } from "../../../platform/clock.ts";
import { readLease } from "../../../platform/leaseFile.ts";
import { identityOf } from "../../../platform/processIdentity.ts";
import { pause, setLongTimer, type Timer } from "../../../platform/timers.ts";
import type { Guardian } from "./guardian.ts";
import { OutputFile } from "./outputFile.ts";
import type { ProgramOutput } from "./outputPipe.ts";
import {
  type ControlRecord,
  type ExitRecord,
  type HostRecord,
  outputPath,
  readRecord,
  reserveExitRecord,
  type StartSpec,
  stdinPath,
  writeExitRecord,
  writeRecord,
} from "./records.ts";
import { SessionProcesses } from "./sessionProcesses.ts";
import { type Started, startProgram } from "./startProgram.ts";

const RETRY_RECORD_MS = 250;

type HowItEnded = Pick<ExitRecord, "exitCode" | "signal" | "startError">;

/** One session from its start to the end of its last process. */
export class HostedSession {
  readonly #directory: string;
  readonly #spec: StartSpec;
  readonly #startedAt = wallClock();
  readonly #startedAtMs = monotonicMs();
  #stopCause: StopCause | null = null;
  #deadline: Timer | null = null;
  #leaseEnd: Timer | null = null;
  /** In boot time, as far as it was read. */
  #leasedUntilMs = -Infinity;
  /** Known while the program runs and until the last of its processes is gone. */
  #processes: SessionProcesses | null = null;
  #ended = false;
  /** Asked to stop after the end: then nobody waits any longer for what cannot be written. */
  #hurried = false;

  readonly #guardian: Guardian | null;
  readonly #onStarted: () => void;

  /**
   * `onStarted` is called once the program has been started, or could not be. `guardian`: who ends the session if this
   * process is killed; null: nobody.
   *
   * @throws when the folder holds no spec
   */
  constructor(directory: string, guardian: Guardian | null, onStarted: () => void) {
    this.#directory = directory;
    this.#guardian = guardian;
    this.#onStarted = onStarted;
    const spec = readRecord(directory, "spec");
    if (spec === null) throw new Error(`no spec.json in ${directory}`);
    this.#spec = spec;
  }

  /** Resolves when every process of the session is gone and its end is on disk. */
  async run(pipe: ProgramOutput): Promise<void> {
    const output = new OutputFile(outputPath(this.#directory), this.#spec.output);
    pipe.readInto((bytes) => output.write(bytes));
    this.applyControl();
    this.#watchLease();
    const end = this.#stopCause === null ? await this.#runProgram(pipe) : neverStarted;
    this.#ended = true;
    this.#deadline?.cancel();
    // The record comes first; but a disk that cannot take it must not keep what is left of the session alive.
    await Promise.all([this.#recordExit(end), this.#processes?.end()]);
    this.#leaseEnd?.cancel();
    pipe.drain();
    output.close();
  }

  /** The first cause counts; once the program has ended by itself, none does. */
  stop(cause: StopCause): void {
    this.#hurried ||= this.#ended;
    if (this.#ended || this.#stopCause !== null) return;
    this.#stopCause = cause;
    void this.#processes?.end();
  }

  /** Does what the worker has written down since. Never throws: what cannot be read now is read later. */
  applyControl(): void {
    let control: ControlRecord | null;
    try {
      control = readRecord(this.#directory, "control");
    } catch {
      setLongTimer(() => this.applyControl(), RETRY_RECORD_MS);
      return;
    }
    if (control === null) return;
    if (control.timeoutMs !== null) {
      this.#spec.timeoutMs = control.timeoutMs;
      if (this.#deadline !== null) this.#setDeadline();
    }
    if (control.lease) {
      this.#spec.lease = control.lease;
      if (this.#leaseEnd !== null) this.#watchLease();
    }
    if (control.stop !== null) this.stop(control.stop);
  }

  /**
   * Ends the session when no worker holds its lease any more: by then nobody may look after it, and another machine is about
   * to run it. Rings when the lease may be over, and looks; it is renewed all the time.
   */
  #watchLease(): void {
    this.#leaseEnd?.cancel();
    const { lease } = this.#spec;
    // A worker of an earlier version knew of none.
    if (!lease) return;
    const leftMs = this.#leaseLeftMs(lease.path);
    if (leftMs > 0) {
      // A worker that takes the session over may have been unable to tell: its word is looked for as well.
      this.#leaseEnd = setLongTimer(() => {
        this.applyControl();
        this.#watchLease();
      }, leftMs);
      return;
    }
    this.stop("interrupted");
    // Who looks late, as after a stop, has so much less time left; of a lease that is not there nothing is known.
    void this.#processes?.hasten(Math.max(0, lease.graceMs + (Number.isFinite(leftMs) ? leftMs : 0)));
  }

  #leaseLeftMs(path: string): number {
    try {
      this.#leasedUntilMs = readLease(path) ?? -Infinity;
    } catch {
      // What cannot be read now was good until then, and no longer.
    }
    return this.#leasedUntilMs - bootTimeMs();
  }

  async #runProgram(pipe: ProgramOutput): Promise<HowItEnded> {
    const started = await this.#start(pipe);
    if ("startError" in started) return { ...neverStarted, startError: started.startError };
    const { child } = started;
    return new Promise((resolve) => {
      child.once("exit", (exitCode, signal) => resolve({ exitCode, signal, startError: null }));
    });
  }

  #start(pipe: ProgramOutput): Started | Promise<Started> {
    const path = stdinPath(this.#directory);
    const stdinFd = existsSync(path) ? openSync(path, "r") : null;
    reserveExitRecord(this.#directory);
    this.#recordHost(null);
    this.#guardian?.expect(this.#spec.executionId);
    const started = startProgram(this.#spec, stdinFd ?? "ignore", pipe.writeFd);
    this.#onStarted();
    pipe.closeWriteEnd();
    if (stdinFd !== null) closeSync(stdinFd);
    if ("child" in started) this.#supervise(started.child);
    return started;
  }

  #supervise(child: ChildProcess & { pid: number }): void {
    this.#guardian?.guard(child.pid);
    const leader = identityOf(child.pid);
    const { executionId, termGraceMs } = this.#spec;
    this.#processes = new SessionProcesses({ executionId, leader }, termGraceMs);
    this.#setDeadline();
    try {
      this.#recordHost(leader);
    } catch {
      // A full disk. The program can still be found by its environment.
    }
  }

  #setDeadline(): void {
    this.#deadline?.cancel();
    const leftMs = this.#startedAtMs + this.#spec.timeoutMs - monotonicMs();
    this.#deadline = setLongTimer(() => this.stop("timeout"), leftMs);
  }

  #recordHost(program: HostRecord["program"]): void {
    const host = identityOf(process.pid);
    if (host === null) throw new Error("the host cannot find itself");
    writeRecord(this.#directory, "host", { host, startedAt: this.#startedAt.toISOString(), program });
  }

  async #recordExit(end: HowItEnded): Promise<void> {
    const record: ExitRecord = {
      ...end,
      stopCause: this.#stopCause,
      startedAt: this.#startedAt.toISOString(),
      endedAt: wallClock().toISOString(),
      durationMs: Math.round(monotonicMs() - this.#startedAtMs),
    };
    for (;;) {
      try {
        writeExitRecord(this.#directory, record);
        return;
      } catch (error) {
        // Without its folder nobody can ask for the record any more.
        if (this.#hurried || (error as NodeJS.ErrnoException).code === "ENOENT") return;
        await pause(RETRY_RECORD_MS);
      }
    }
  }
}

const neverStarted: HowItEnded = { exitCode: null, signal: null, startError: null };

import type { JobEvent } from "office-contract/events.ts";
import { monotonicMs, wallClock } from "office-server/platform/clock.ts";
import { setLongTimer, type Timer } from "office-server/platform/timers.ts";
import { endFacts, failureFact } from "./facts.ts";
import { layOut } from "./frame.ts";
import { type Line, styled, widest } from "../line.ts";
import { type Change, foldEvents, isFailure, jobsIn, type RunInfo, type RunModel, startModel } from "./model.ts";
import { lastOutputLine } from "./sessionOutput.ts";
import { summaryLines } from "./summary.ts";
import { flushed, LiveRegion, type TerminalStream } from "../terminal.ts";

const FRAME_MS = 100;
const CLOCK_MS = 1_000;
const KEY_WIDTH_MAX = 32;

/** A region at the bottom of the terminal that shows the run as it is; what has come to an end is written above it. */
export class LiveView {
  readonly #stdout: TerminalStream;
  readonly #region: LiveRegion;
  #model: RunModel | null = null;
  #widths = { key: 0, role: 0 };
  #startedAtMs = 0;
  /** How far the events' clock is behind ours: the least delay with which an event has come. */
  #lagMs: number | null = null;

  /** What is to be written above the region with the next frame. */
  #facts: Line[] = [];
  #ended: Change[] = [];
  #reading = Promise.resolve();

  #timer: { dueAtMs: number; timer: Timer } | null = null;
  #drawnAtMs = -Infinity;
  #tick = 0;

  #lastLines = new Map<string, string>();
  #isPeeking = false;

  constructor(stdout: TerminalStream) {
    this.#stdout = stdout;
    this.#region = new LiveRegion(stdout, () => this.#requestFrame());
  }

  start(run: RunInfo): void {
    this.#model = startModel(run);
    this.#startedAtMs = monotonicMs();
    const roles = run.jobs.map(({ role }) => role);
    const keys = run.jobs.map(({ key }) => key);
    this.#widths = { key: widest(keys, KEY_WIDTH_MAX), role: widest(roles, KEY_WIDTH_MAX) };
    this.#region.open();
    this.#draw();
  }

  onEvents(events: readonly JobEvent[]): void {
    const last = events.at(-1);
    if (this.#model === null || last === undefined) return;
    const lagMs = wallClock().getTime() - Date.parse(last.timestamp);
    this.#lagMs = Math.min(this.#lagMs ?? lagMs, lagMs);
    const { model, changes } = foldEvents(this.#model, events);
    this.#model = model;
    this.#reading = this.#reading.then(() => this.#takeDown(changes));
    this.#requestFrame();
  }

  notice(text: string): void {
    this.#facts.push([styled("yellow", text)]);
    this.#requestFrame();
  }

  async finish({ interrupted }: { interrupted: boolean }): Promise<void> {
    await this.#end((model, durationMs) => [[""], ...summaryLines(model, { interrupted, durationMs })]);
  }

  async leave(): Promise<void> {
    await this.#end(() => []);
  }

  async #end(lastWords: (model: RunModel, durationMs: number) => Line[]): Promise<void> {
    await this.#reading;
    if (this.#model === null) return;
    const durationMs = monotonicMs() - this.#startedAtMs;
    this.#writeFacts();
    this.#timer?.timer.cancel();
    const model = this.#model;
    this.#model = null;
    this.#region.write(lastWords(model, durationMs));
    this.#region.close();
    await flushed(this.#stdout);
  }

  async #takeDown(changes: readonly Change[]): Promise<void> {
    const source = this.#model?.info.output;
    for (const change of changes) {
      if (!isFailure(change)) {
        this.#ended.push(change);
        continue;
      }
      const widths = { keyWidth: this.#widths.key, columns: this.#region.columns };
      const lines = await failureFact(change, source, widths);
      // Only now: a frame may have been drawn in the meantime, and taken the facts there were.
      this.#facts.push(...lines);
    }
    this.#requestFrame();
  }

  /** A frame soon, but not sooner than the frame rate allows. */
  #requestFrame(): void {
    this.#drawIn(this.#drawnAtMs + FRAME_MS - monotonicMs());
  }

  #drawIn(delayMs: number): void {
    const dueAtMs = monotonicMs() + Math.max(delayMs, 0);
    if (this.#model === null || (this.#timer !== null && this.#timer.dueAtMs <= dueAtMs)) return;
    this.#timer?.timer.cancel();
    this.#timer = { dueAtMs, timer: setLongTimer(() => this.#draw(), delayMs) };
  }

  #draw(): void {
    if (this.#model === null) return;
    const drawnAtMs = monotonicMs();
    this.#writeFacts();
    const moment = {
      model: this.#model,
      nowMs: wallClock().getTime() - (this.#lagMs ?? 0),
      elapsedMs: drawnAtMs - this.#startedAtMs,
      lastLines: this.#lastLines,
      widths: this.#widths,
      tick: this.#tick,
    };
    this.#region.draw(layOut(moment, this.#region));
    this.#tick += 1;
    this.#drawnAtMs = drawnAtMs;
    this.#timer = null;
    // On the full second, so that the clock skips none.
    this.#drawIn(CLOCK_MS - (moment.elapsedMs % CLOCK_MS));
    void this.#peek();
  }

  #writeFacts(): void {
    const ends = endFacts(this.#ended, this.#widths.key);
    if (this.#facts.length > 0) this.#region.write(this.#facts);
    if (ends.length > 0) this.#region.write(ends, this.#region.columns);
    this.#facts = [];
    this.#ended = [];
  }

  /** Reads the last line of what the sessions on the screen have written; the next frame shows it. */
  async #peek(): Promise<void> {
    const folderOf = this.#model?.info.sessionFolder;
    if (this.#model === null || folderOf === undefined || this.#isPeeking) return;
    this.#isPeeking = true;
    const running = jobsIn(this.#model, "processing").slice(0, this.#region.rows);
    const lines = new Map<string, string>();
    for (const { executionId } of running) {
      const line = executionId === null ? null : await lastOutputLine(folderOf(executionId));
      if (executionId !== null && line !== null) lines.set(executionId, line);
    }
    this.#lastLines = lines;
    this.#isPeeking = false;
  }
}

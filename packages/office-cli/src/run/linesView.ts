import type { JobEvent } from "office-contract/events.ts";
import { monotonicMs, wallClock } from "office-server/platform/clock.ts";
import { timeOfDay } from "../durations.ts";
import { count, dim, type Line, padded, paint, widest } from "../line.ts";
import { type Change, foldEvents, isFailure, type RunInfo, type RunModel, startModel } from "./model.ts";
import { lastOutput } from "./sessionOutput.ts";
import { summaryLines } from "./summary.ts";
import { flushed } from "../terminal.ts";
import { describeChange } from "./wording.ts";

const KEY_WIDTH_MAX = 32;

/** One line per change, below a failure its last output, at the end a summary: for logs, and for `grep`. */
export class LinesView {
  readonly #stdout: NodeJS.WritableStream;
  #model: RunModel | null = null;
  #startedAtMs = 0;
  #keyWidth = 0;
  // Reading a failed session's output takes a moment; what comes after it is written after it.
  #written = Promise.resolve();

  constructor(stdout: NodeJS.WritableStream) {
    this.#stdout = stdout;
  }

  start(run: RunInfo): void {
    const keys = run.jobs.map(({ key }) => key);
    this.#model = startModel(run);
    this.#startedAtMs = monotonicMs();
    this.#keyWidth = widest(keys, KEY_WIDTH_MAX);
    this.#write([headline(run)]);
  }

  onEvents(events: readonly JobEvent[]): void {
    if (this.#model === null) return;
    const { model, changes } = foldEvents(this.#model, events);
    this.#model = model;
    this.#written = this.#written.then(async () => {
      for (const change of changes) await this.#writeChange(change);
    });
  }

  notice(text: string): void {
    const time = timeOfDay(wallClock());
    this.#written = this.#written.then(() => this.#write([[dim(time), " ", text]]));
  }

  async finish({ interrupted }: { interrupted: boolean }): Promise<void> {
    await this.#written;
    if (this.#model === null) return;
    this.#write(summaryLines(this.#model, { interrupted, durationMs: monotonicMs() - this.#startedAtMs }));
    await flushed(this.#stdout);
  }

  async leave(): Promise<void> {
    await this.#written;
    await flushed(this.#stdout);
  }

  async #writeChange(change: Change): Promise<void> {
    const words = describeChange(change);
    if (words === null) return;
    const { event, after } = change;
    const time = timeOfDay(new Date(event.timestamp));
    this.#write([[dim(time), " ", padded(after.key, this.#keyWidth), " ", ...words]]);
    if (isFailure(change)) this.#write(await lastOutput(this.#model?.info.output, after));
  }

  #write(lines: readonly Line[]): void {
    for (const line of lines) this.#stdout.write(`${paint(line, this.#stdout)}\n`);
  }
}

const headline = ({ title, jobs, maxConcurrentJobs, officeName }: RunInfo): Line => {
  const done = jobs.filter(({ initialState }) => initialState === "done").length;
  const remark = done > 0 ? `, ${done} of them done already` : "";
  return [`${title}: ${count(jobs.length, "job")}${remark}, ${maxConcurrentJobs} at a time (office ${officeName})`];
};

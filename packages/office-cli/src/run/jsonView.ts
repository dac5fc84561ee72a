import type { JobEvent } from "office-contract/events.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { printable } from "../line.ts";
import { foldEvents, type RunInfo, type RunModel, startModel } from "./model.ts";
import { jsonSummary } from "./summary.ts";
import { flushed } from "../terminal.ts";

/** One event per line on stdout as it came, at the end a summary, and nothing else. */
export class JsonView {
  readonly #stdout: NodeJS.WritableStream;
  readonly #stderr: NodeJS.WritableStream;
  #model: RunModel | null = null;
  #startedAtMs = 0;

  constructor({ stdout, stderr }: { stdout: NodeJS.WritableStream; stderr: NodeJS.WritableStream }) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  start(run: RunInfo): void {
    this.#model = startModel(run);
    this.#startedAtMs = monotonicMs();
  }

  onEvents(events: readonly JobEvent[]): void {
    if (this.#model === null) return;
    this.#model = foldEvents(this.#model, events).model;
    for (const event of events) this.#write(event);
  }

  notice(text: string): void {
    this.#stderr.write(`${printable(text)}\n`);
  }

  async finish({ interrupted }: { interrupted: boolean }): Promise<void> {
    if (this.#model === null) return;
    this.#write(jsonSummary(this.#model, { interrupted, durationMs: monotonicMs() - this.#startedAtMs }));
    await flushed(this.#stdout);
  }

  async leave(): Promise<void> {
    await flushed(this.#stdout);
  }

  #write(value: unknown): void {
    this.#stdout.write(`${JSON.stringify(value)}\n`);
  }
}

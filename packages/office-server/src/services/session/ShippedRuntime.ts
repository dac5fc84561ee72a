import { join } from "node:path";
import type { StopCause } from "../../domain/outcome.ts";
import type { OutputShipper } from "./OutputShipper.ts";
import type { SessionEnd, SessionRequest, SessionRuntime } from "./runtime.ts";

/** Sessions whose end is reported once their output is stored, so that who hears of the end finds its last lines. */
export class ShippedRuntime implements SessionRuntime {
  readonly #inner: SessionRuntime;
  readonly #shipper: OutputShipper;
  readonly #sessionsDirectory: string;
  /** Those that have ended, and whose output is being stored. */
  #ending = 0;

  constructor(inner: SessionRuntime, shipper: OutputShipper, sessionsDirectory: string) {
    this.#inner = inner;
    this.#shipper = shipper;
    this.#sessionsDirectory = sessionsDirectory;
  }

  get running(): number {
    return this.#inner.running + this.#ending;
  }

  start(request: SessionRequest, onEnd: (end: SessionEnd) => void): void {
    this.#shipper.follow(request.executionId, join(this.#sessionsDirectory, request.executionId));
    this.#inner.start(request, (end) => void this.#end(end, onEnd));
  }

  adopt(executionId: string, timeoutMs: number, onEnd: (end: SessionEnd) => void): void {
    const directory = join(this.#sessionsDirectory, executionId);
    const following = this.#shipper.followOn(executionId, directory);
    this.#inner.adopt(executionId, timeoutMs, (end) => void following.then(() => this.#end(end, onEnd)));
  }

  async #end(end: SessionEnd, onEnd: (end: SessionEnd) => void): Promise<void> {
    this.#ending += 1;
    await this.#shipper.finish(end.executionId);
    this.#ending -= 1;
    onEnd(end);
  }

  wasStarted(executionId: string): boolean {
    return this.#inner.wasStarted(executionId);
  }

  stop(executionId: string, cause: StopCause): void {
    this.#inner.stop(executionId, cause);
  }

  setTimeout(executionId: string, timeoutMs: number): void {
    this.#inner.setTimeout(executionId, timeoutMs);
  }
}

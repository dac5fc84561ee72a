import type { Database, Queryable } from "../../db/connection.ts";
import { readOutput } from "../../db/output.ts";
import { monotonicMs } from "../../platform/clock.ts";
import { setLongTimer } from "../../platform/timers.ts";
import type { EventHub } from "../events/EventHub.ts";

export interface OutputSource {
  executionId: string;
  attempt: number;
}

const PIECES_PER_READ = 32;
/** A look is cheap, and output is stored twice a second. */
const LOOK_AGAIN_MS = 500;
const REST_MS = 100;
const NEWLINE = 0x0a;

/** The execution of a job's attempt (null: the newest); null where there is none yet. */
export async function outputSource(
  database: Queryable,
  { jobId, attempt }: { jobId: string; attempt: number | null },
): Promise<OutputSource | null> {
  const [row] = await database.query<{ id: string; attempt: number }>(
    "output_source",
    `SELECT e.id, e.attempt FROM job_queue j JOIN job_executions e ON e.id = execution_id(j.id, COALESCE($2, j.attempt::integer))
     WHERE j.id = $1`,
    [jobId, attempt],
  );
  return row === undefined ? null : { executionId: row.id, attempt: row.attempt };
}

async function isLive(database: Queryable, executionId: string): Promise<boolean> {
  const rows = await database.query("is_live", "SELECT 1 FROM job_executions WHERE id = $1 AND ended_at IS NULL", [
    executionId,
  ]);
  return rows.length > 0;
}

/** What an execution has written, piece by piece; where something was left out, a line says how much. */
export class JobOutput {
  readonly #database: Database;
  readonly #executionId: string;
  /** Bytes that have been handed on, what was left out included. */
  #at = 0;
  /** What ends the line that was handed on last. */
  #endOfLine = "";

  constructor(database: Database, executionId: string) {
    this.#database = database;
    this.#executionId = executionId;
  }

  /** Everything that is stored and has not been read yet. */
  async *stored(): AsyncGenerator<Buffer> {
    for (;;) {
      const range = { from: this.#at, limit: PIECES_PER_READ };
      const pieces = await readOutput(this.#database, this.#executionId, range);
      for (const { startAt, data } of pieces) {
        if (startAt > this.#at) yield Buffer.from(`${this.#endOfLine}[... ${startAt - this.#at} bytes left out ...]\n`);
        yield data;
        this.#at = startAt + data.length;
        this.#endOfLine = data.at(-1) === NEWLINE ? "" : "\n";
      }
      if (pieces.length < PIECES_PER_READ) return;
    }
  }

  /** The last lines of what is stored. What follows is read by `stored`. */
  async tail(lines: number): Promise<Buffer> {
    const kept: Buffer[] = [];
    for await (const piece of this.stored()) kept.push(piece);
    return lastLines(Buffer.concat(kept), lines);
  }

  /** Everything, as it comes, until the session has ended or nobody listens any more. */
  async *followed(events: EventHub, officeId: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    for (;;) {
      // Asked before the read: what was stored until the end is read in any case.
      const live = await isLive(this.#database, this.#executionId);
      yield* this.stored();
      if (!live || signal.aborted) return;
      await change(events, officeId, signal);
    }
  }
}

/** Resolves when something has changed in an office, or after a moment in any case; not at once, lest a busy office be read all the time. */
export function change(events: EventHub, officeId: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const restsUntilMs = monotonicMs() + REST_MS;
    const done = (): void => {
      timer.cancel();
      off();
      signal.removeEventListener("abort", done);
      resolve();
    };
    let timer = setLongTimer(done, LOOK_AGAIN_MS);
    const off = events.onChange(officeId, () => {
      timer.cancel();
      timer = setLongTimer(done, restsUntilMs - monotonicMs());
    });
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}

function lastLines(text: Buffer, lines: number): Buffer {
  if (lines === 0) return Buffer.alloc(0);
  // A newline at the very end ends the last line, and begins none.
  let start = text.at(-1) === NEWLINE ? text.length - 1 : text.length;
  for (let left = lines; left > 0; left--) {
    start = text.subarray(0, start).lastIndexOf(NEWLINE);
    if (start < 0) return text;
  }
  return text.subarray(start + 1);
}

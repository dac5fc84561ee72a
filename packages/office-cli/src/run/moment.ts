import type { RunModel } from "./model.ts";

/** All that a frame shows. */
export interface Moment {
  model: RunModel;
  /** By the clock that the events are from. */
  nowMs: number;
  elapsedMs: number;
  /** By execution: the last line of a running session's output. */
  lastLines: ReadonlyMap<string, string>;
  /** Columns of the run's widest key and role. */
  widths: { key: number; role: number };
  /** Counts the frames, for what turns. */
  tick: number;
}

/** Of the terminal. */
export interface Size {
  columns: number;
  rows: number;
}

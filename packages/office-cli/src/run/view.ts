import type { JobEvent } from "office-contract/events.ts";
import { JsonView } from "./jsonView.ts";
import { LinesView } from "./linesView.ts";
import { LiveView } from "./liveView.ts";
import type { RunInfo } from "./model.ts";
import { hasSize, type TerminalStream } from "../terminal.ts";

export type { RunInfo } from "./model.ts";

/** Shows a run to whoever started it. Each method is called in this order; nothing is called after `finish`. */
export interface RunView {
  start(run: RunInfo): void;
  /** Takes further events of the run's task, in order of `seq`. */
  onEvents(events: readonly JobEvent[]): void;
  /** Says something that no event tells of: that sessions are being stopped, for example. */
  notice(text: string): void;
  /** Says what the run came to, and gives the terminal back. Resolves when all of it is written. */
  finish(end: { interrupted: boolean }): Promise<void>;
  /** Instead of `finish`: only gives the terminal back. The run goes on, and nobody watches any more. */
  leave(): Promise<void>;
}

/** `live` redraws a part of the terminal; `lines` writes a line per change; `json` an event per line. */
export type ViewKind = "live" | "lines" | "json";

/** Makes a view of one run. On a terminal that does not say how large it is, `live` becomes `lines`. */
export function createRunView(
  kind: ViewKind,
  { stdout, stderr }: { stdout: TerminalStream; stderr: NodeJS.WritableStream },
): RunView {
  switch (kind) {
    case "json":
      return new JsonView({ stdout, stderr });
    case "lines":
      return new LinesView(stdout);
    case "live":
      return hasSize(stdout) ? new LiveView(stdout) : new LinesView(stdout);
  }
}

import type { ErrorClass } from "office-contract/vocabulary.ts";

/** How a session ended: what `OutputMonitor` says of its exit and its output. A closed set. */
export type SessionOutcome =
  /** It did what it was asked to. `result` is what the agent's output format gave as its answer, if any. */
  | { kind: "finished"; result?: unknown }
  /** It ended by itself, and not well. `exitCode` is null when the program never started. */
  | { kind: "failed"; errorClass: ErrorClass; message: string; exitCode: number | null }
  /** A signal that we did not send ended it. */
  | { kind: "signalled"; signal: string }
  /** Its host or its program vanished without leaving a record of its exit. */
  | { kind: "crashed"; message: string }
  /** We stopped it. `cause` says why; what it did with the signal does not matter. */
  | { kind: "stopped"; cause: StopCause };

/** Why we stop a session: its deadline passed, its job was cancelled, or its worker is shutting down. */
export type StopCause = "timeout" | "cancelled" | "interrupted";

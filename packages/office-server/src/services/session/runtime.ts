import type { SessionSpec } from "office-contract/session.ts";
import type { SessionOutcome, StopCause } from "../../domain/outcome.ts";

/** Everything that is needed to start one session: one attempt at one job. */
export interface SessionRequest {
  executionId: string;
  officeId: string;
  taskId: string | null;
  jobId: string;
  jobKey: string | null;
  role: string;
  attempt: number;
  /** A bigint, kept as a decimal string. */
  fencingToken: string;
  title: string;
  prompt: string | null;
  spec: SessionSpec;
  /** From the session's start to its deadline. */
  timeoutMs: number;
}

export interface SessionEnd {
  executionId: string;
  outcome: SessionOutcome;
  /** The session's folder (output, records), or null where there is none. */
  directory: string | null;
}

/** What runs sessions. The scheduler knows no more of them than this. */
export interface SessionRuntime {
  /**
   * Starts a session. Never throws: whatever goes wrong is reported through `onEnd` as an outcome.
   * `onEnd` is called exactly once, when every process of the session is known to be gone.
   */
  start(request: SessionRequest, onEnd: (end: SessionEnd) => void): void;
  /**
   * Goes on with a session that another worker has started and left, wherever it has got to meanwhile. Its deadline is
   * `timeoutMs` from its start, whatever it was told before. Otherwise as `start`.
   */
  adopt(executionId: string, timeoutMs: number, onEnd: (end: SessionEnd) => void): void;
  /** Asks a session to stop (TERM, then KILL). Its end is reported as usual. Unknown ids are ignored: it has ended. */
  stop(executionId: string, cause: StopCause): void;
  /** Moves the deadline: `timeoutMs` counts from the session's start. */
  setTimeout(executionId: string, timeoutMs: number): void;
  /** Whether a session was ever started here for an execution, by this worker or by another one: it may be running. */
  wasStarted(executionId: string): boolean;
  /** Number of sessions that have been started and not yet reported as ended. */
  readonly running: number;
}

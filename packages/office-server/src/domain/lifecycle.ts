import type { ErrorClass, ExecutionState, JobState } from "office-contract/vocabulary.ts";

/**
 * Who moves a job from where to where, and why: every legal change of state, and the only list of them.
 * What is unlocked and claimed in one step is written once: from pending to processing, by hand_on.sql alone; its log has both.
 * The database enforces the same set (`guard_job_change`, compared by a test), and docs/lifecycle.md is
 * drawn from it.
 */
export const TRANSITIONS = [
  { from: "pending", to: "ready", reason: "nothing left to wait for" },
  { from: "pending", to: "cancelled", reason: "cancelled, or a dependency ended badly" },
  { from: "pending", to: "failed", reason: "part of a cycle that another program wrote" },
  { from: "ready", to: "processing", reason: "claimed: a slot is free" },
  { from: "ready", to: "cancelled", reason: "cancelled, or a dependency ended badly" },
  { from: "processing", to: "done", reason: "completed" },
  { from: "processing", to: "failed", reason: "failed for good" },
  { from: "processing", to: "timeout", reason: "timed out for good" },
  { from: "processing", to: "cancelled", reason: "cancelled" },
  { from: "processing", to: "pending", reason: "to be retried, its worker was lost, or it was interrupted" },
  { from: "done", to: "pending", reason: "explicit retry" },
  { from: "done", to: "ready", reason: "explicit retry" },
  { from: "failed", to: "pending", reason: "explicit retry" },
  { from: "failed", to: "ready", reason: "explicit retry" },
  { from: "timeout", to: "pending", reason: "explicit retry" },
  { from: "timeout", to: "ready", reason: "explicit retry" },
  { from: "cancelled", to: "pending", reason: "explicit retry" },
  { from: "cancelled", to: "ready", reason: "explicit retry" },
] as const satisfies readonly { from: JobState; to: JobState; reason: string }[];

export const isLegalTransition = (from: JobState, to: JobState): boolean =>
  TRANSITIONS.some((transition) => transition.from === from && transition.to === to);

/** What becomes of an execution and of its job when its session has ended: one of the seven ways out of `processing`. */
export interface Exit {
  way: "completed" | "failed" | "timed_out" | "cancelled" | "retrying" | "interrupted" | "worker_lost";
  executionState: Exclude<ExecutionState, "running">;
  jobState: Extract<JobState, "done" | "failed" | "timeout" | "cancelled" | "pending">;
  errorClass: ErrorClass | null;
  errorMessage: string | null;
  exitCode: number | null;
  /** How long the job waits before it may run again, in ms; 0 unless `jobState` is pending. */
  retryDelayMs: number;
  /** Whether this uses up one of the job's retries. */
  costsRetry: boolean;
  result: unknown;
}

/** What went wrong with an attempt. */
export interface Failure {
  errorClass: ErrorClass;
  errorMessage: string;
  exitCode: number | null;
}

const nothingWrong = { errorClass: null, errorMessage: null, exitCode: null, retryDelayMs: 0, costsRetry: false };

export const completed = (result: unknown): Exit => ({
  ...nothingWrong,
  way: "completed",
  executionState: "completed",
  jobState: "done",
  exitCode: 0,
  result,
});

export const failed = (failure: Failure): Exit => ({
  ...nothingWrong,
  ...failure,
  way: "failed",
  executionState: "failed",
  jobState: "failed",
  result: null,
});

export const timedOut = (failure: Failure): Exit => ({
  ...nothingWrong,
  ...failure,
  way: "timed_out",
  executionState: "timeout",
  jobState: "timeout",
  result: null,
});

export const cancelled = (): Exit => ({
  ...nothingWrong,
  way: "cancelled",
  executionState: "cancelled",
  jobState: "cancelled",
  errorClass: "CANCELLED",
  errorMessage: "cancelled",
  result: null,
});

export const retrying = (failure: Failure, retryDelayMs: number): Exit => ({
  ...nothingWrong,
  ...failure,
  way: "retrying",
  executionState: failure.errorClass === "TIMEOUT" ? "timeout" : "failed",
  jobState: "pending",
  retryDelayMs,
  costsRetry: true,
  result: null,
});

/** It was stopped, by its worker while shutting down or to be handed over: the job goes back to the queue and keeps its retries. */
export const interrupted = (): Exit => ({
  ...nothingWrong,
  way: "interrupted",
  executionState: "lost",
  jobState: "pending",
  errorMessage: "its session was interrupted",
  result: null,
});

/** Its worker vanished: the job goes back to the queue and keeps its retries. */
export const workerLost = (): Exit => ({
  ...nothingWrong,
  way: "worker_lost",
  executionState: "lost",
  jobState: "pending",
  errorMessage: "its worker was lost",
  result: null,
});

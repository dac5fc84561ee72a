/**
 * The closed sets of words that code, database, API, events and UI share.
 * What each word means is written in docs/architecture.md and docs/lifecycle.md.
 */

/** States of a job. `done`, `failed`, `timeout` and `cancelled` are final. */
export const JOB_STATES = ["pending", "ready", "processing", "done", "failed", "timeout", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

export const FINAL_JOB_STATES = ["done", "failed", "timeout", "cancelled"] as const satisfies readonly JobState[];
export type FinalJobState = (typeof FINAL_JOB_STATES)[number];

/** States of an execution, one attempt at a job. All but `running` are final. */
export const EXECUTION_STATES = ["running", "completed", "failed", "timeout", "cancelled", "lost"] as const;
export type ExecutionState = (typeof EXECUTION_STATES)[number];

/** `paused` starts nothing new; `archived` is out of use. */
export const OFFICE_STATES = ["active", "paused", "archived"] as const;
export type OfficeState = (typeof OFFICE_STATES)[number];

/** Why an execution or a job did not end well. What each one means for retries is in `domain/retryPolicy.ts`. */
export const ERROR_CLASSES = [
  "TIMEOUT",
  "SESSION_CRASH",
  "NETWORK_ERROR",
  "RATE_LIMITED",
  "EXIT_CODE",
  "GIT_CONFLICT",
  "PERMISSION_DENIED",
  "DEPENDENCY_FAILED",
  "INVALID_JOB",
  "CANCELLED",
] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

export const EVENT_TYPES = [
  "job_created",
  "job_ready",
  "job_started",
  "job_completed",
  "job_failed",
  "job_timeout",
  "job_retrying",
  "job_cancelled",
  "job_priority_changed",
  "job_handed_over",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What a job without a role gets. */
export const DEFAULT_ROLE = "default";

export const isFinal = (state: JobState): state is FinalJobState =>
  (FINAL_JOB_STATES as readonly JobState[]).includes(state);

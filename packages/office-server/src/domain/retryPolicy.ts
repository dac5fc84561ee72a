import type { JobSchedulerConfig } from "office-contract/config.ts";
import type { ErrorClass } from "office-contract/vocabulary.ts";
import {
  cancelled,
  completed,
  type Exit,
  type Failure,
  failed,
  interrupted,
  retrying,
  timedOut,
  workerLost,
} from "./lifecycle.ts";
import type { SessionOutcome } from "./outcome.ts";

/** Whether another attempt may end differently. */
const RETRYABLE: Readonly<Record<ErrorClass, boolean>> = {
  TIMEOUT: true,
  SESSION_CRASH: true,
  NETWORK_ERROR: true,
  RATE_LIMITED: true,
  EXIT_CODE: true,
  GIT_CONFLICT: false,
  PERMISSION_DENIED: false,
  DEPENDENCY_FAILED: false,
  INVALID_JOB: false,
  CANCELLED: false,
};

export const isRetryable = (errorClass: ErrorClass): boolean => RETRYABLE[errorClass];

type BackoffConfig = Pick<JobSchedulerConfig, "retryBackoff" | "retryBaseDelay" | "retryMaxDelay" | "retryJitter">;

/**
 * The wait before retry `retry` (1 for the first), in ms: `base * 2^(retry-1)` or `base * retry`, never more than
 * `retryMaxDelay`. With jitter, `random` (0 to 1) picks a point between half the wait and the whole ("equal jitter",
 * M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
 */
export const retryDelayMs = (config: BackoffConfig, retry: number, random: number): number => {
  const factor = config.retryBackoff === "exponential" ? 2 ** (retry - 1) : retry;
  const wait = Math.min(config.retryBaseDelay * factor, config.retryMaxDelay);
  return Math.round(config.retryJitter ? wait / 2 + (wait / 2) * random : wait);
};

/** What the decision about a failed attempt depends on. */
export interface RetryBudget {
  /** Retries that the job has used. */
  retryCount: number;
  maxRetries: number;
  config: BackoffConfig;
  /** 0 to 1, for the jitter. */
  random: number;
}

/** Decides what becomes of an execution whose session ended like this. */
export const decideExit = (outcome: SessionOutcome, budget: RetryBudget): Exit => {
  switch (outcome.kind) {
    case "finished":
      return completed(outcome.result ?? null);
    case "failed":
      return afterFailure(
        { errorClass: outcome.errorClass, errorMessage: outcome.message, exitCode: outcome.exitCode },
        budget,
      );
    case "signalled":
      return afterFailure(crash(`the session was ended by ${outcome.signal}`), budget);
    case "crashed":
      return afterFailure(crash(outcome.message), budget);
    case "stopped":
      switch (outcome.cause) {
        case "cancelled":
          return cancelled();
        case "interrupted":
          return interrupted();
        case "timeout":
          return afterFailure(
            { errorClass: "TIMEOUT", errorMessage: "the session ran past its timeout", exitCode: null },
            budget,
          );
      }
  }
};

/**
 * Decides what becomes of an execution whose worker is lost: its job runs again and keeps its retries, unless that has
 * happened `lossesMax` times. Then it may well be the job that takes its workers down.
 *
 * @param losses those of the job so far, this one included
 */
export const afterWorkerLoss = (losses: number, lossesMax: number): Exit =>
  losses < lossesMax
    ? workerLost()
    : failed(crash(`its worker was lost ${losses} times while it ran; it is not run again by itself`));

const crash = (errorMessage: string): Failure => ({ errorClass: "SESSION_CRASH", errorMessage, exitCode: null });

const afterFailure = (failure: Failure, { retryCount, maxRetries, config, random }: RetryBudget): Exit => {
  if (isRetryable(failure.errorClass) && retryCount < maxRetries) {
    return retrying(failure, retryDelayMs(config, retryCount + 1, random));
  }
  return failure.errorClass === "TIMEOUT" ? timedOut(failure) : failed(failure);
};

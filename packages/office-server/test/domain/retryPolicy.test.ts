import fc from "fast-check";
import { DEFAULT_CONFIG } from "office-contract/config.ts";
import { DURATION_MS_MAX, RETRIES_MAX } from "office-contract/limits.ts";
import { ERROR_CLASSES } from "office-contract/vocabulary.ts";
import type { SessionOutcome } from "office-server/domain/outcome.ts";
import { decideExit, isRetryable, retryDelayMs } from "office-server/domain/retryPolicy.ts";
import { describe, expect, test } from "vitest";

const NEVER_RETRIED = ["GIT_CONFLICT", "PERMISSION_DENIED", "DEPENDENCY_FAILED", "INVALID_JOB", "CANCELLED"];

const backoff = fc.record({
  retryBackoff: fc.constantFrom("exponential" as const, "linear" as const),
  retryBaseDelay: fc.nat({ max: DURATION_MS_MAX }),
  retryMaxDelay: fc.nat({ max: DURATION_MS_MAX }),
  retryJitter: fc.boolean(),
});
const retryNumber = fc.integer({ min: 1, max: RETRIES_MAX });
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the wait before a retry", () => {
  const delays = (overrides: Partial<typeof DEFAULT_CONFIG>, random = 0) =>
    [1, 2, 3, 4, 8].map((retry) => retryDelayMs({ ...DEFAULT_CONFIG, ...overrides }, retry, random) / 60_000);

  test("doubles by default, from a minute up to an hour", () => {
    expect(delays({})).toEqual([1, 2, 4, 8, 60]);
  });

  test("grows by the base when linear", () => {
    expect(delays({ retryBackoff: "linear" })).toEqual([1, 2, 3, 4, 8]);
  });

  test("is capped", () => {
    expect(delays({ retryMaxDelay: 150_000 })).toEqual([1, 2, 2.5, 2.5, 2.5]);
  });

  test("with jitter lies between its half and its whole", () => {
    expect(delays({ retryJitter: true }, 0)).toEqual([0.5, 1, 2, 4, 30]);
    expect(delays({ retryJitter: true }, 0.5)).toEqual([0.75, 1.5, 3, 6, 45]);
  });

  test("is a whole number of ms from 0 to the cap that never shrinks, whatever the settings", () => {
    fc.assert(
      fc.property(backoff, retryNumber, fraction, (config, retry, random) => {
        const delay = retryDelayMs(config, retry, random);
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(config.retryMaxDelay);
        expect(retryDelayMs(config, retry + 1, random)).toBeGreaterThanOrEqual(delay);
      }),
    );
  });

  test("jitter never adds to it, and takes at most half", () => {
    fc.assert(
      fc.property(backoff, retryNumber, fraction, (config, retry, random) => {
        const whole = retryDelayMs({ ...config, retryJitter: false }, retry, random);
        const jittered = retryDelayMs({ ...config, retryJitter: true }, retry, random);
        expect(jittered).toBeLessThanOrEqual(whole);
        expect(jittered).toBeGreaterThanOrEqual(Math.floor(whole / 2));
      }),
    );
  });
});

test.each(ERROR_CLASSES)("whether %s is worth another attempt is as the contract says", (errorClass) => {
  expect(isRetryable(errorClass)).toBe(!NEVER_RETRIED.includes(errorClass));
});

describe("what becomes of an execution", () => {
  const decide = (outcome: SessionOutcome, retryCount = 0, maxRetries = 2) =>
    decideExit(outcome, { retryCount, maxRetries, config: DEFAULT_CONFIG, random: 0 });
  const failedWith = (errorClass: (typeof ERROR_CLASSES)[number]): SessionOutcome => ({
    kind: "failed",
    errorClass,
    message: "no luck",
    exitCode: 7,
  });

  test("finished: the job is done, and keeps the answer", () => {
    expect(decide({ kind: "finished", result: 42 })).toMatchObject({ way: "completed", jobState: "done", result: 42 });
    expect(decide({ kind: "finished" }).result).toBeNull();
  });

  test("with the usual settings a job gets three attempts, the later ones after 1 and 2 minutes", () => {
    const exits = [0, 1, 2].map((used) => decide(failedWith("EXIT_CODE"), used));
    expect(exits.map(({ way, retryDelayMs: ms }) => [way, ms])).toEqual([
      ["retrying", 60_000],
      ["retrying", 120_000],
      ["failed", 0],
    ]);
    expect(exits[2]).toMatchObject({ errorClass: "EXIT_CODE", errorMessage: "no luck", exitCode: 7 });
  });

  test.each(["signalled", "crashed"] as const)("%s: a crash, to be tried again", (kind) => {
    const outcome: SessionOutcome = kind === "signalled" ? { kind, signal: "SIGSEGV" } : { kind, message: "host gone" };
    expect(decide(outcome)).toMatchObject({ way: "retrying", errorClass: "SESSION_CRASH" });
    expect(decide(outcome, 2).errorMessage).toMatch(/SIGSEGV|host gone/);
  });

  test("past its deadline: tried again, and at last the job is timed out, not failed", () => {
    expect(decide({ kind: "stopped", cause: "timeout" })).toMatchObject({ way: "retrying", executionState: "timeout" });
    expect(decide({ kind: "stopped", cause: "timeout" }, 2)).toMatchObject({ way: "timed_out", jobState: "timeout" });
  });

  test("interrupted by its worker: back to the queue at once, at no cost, however many retries were used", () => {
    const exit = decide({ kind: "stopped", cause: "interrupted" }, 2);
    expect(exit).toMatchObject({ way: "interrupted", jobState: "pending", retryDelayMs: 0, costsRetry: false });
  });

  test("cancelled: for good", () => {
    expect(decide({ kind: "stopped", cause: "cancelled" })).toMatchObject({ way: "cancelled", jobState: "cancelled" });
  });

  test("a failure is retried exactly when its class allows it and a retry is left", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ERROR_CLASSES),
        fc.nat({ max: 5 }),
        fc.nat({ max: 5 }),
        (errorClass, used, maxRetries) => {
          const exit = decide(failedWith(errorClass), used, maxRetries);
          expect(exit.way === "retrying").toBe(isRetryable(errorClass) && used < maxRetries);
          expect(exit.errorClass).toBe(errorClass);
          if (exit.way !== "retrying") expect(exit.way).toBe(errorClass === "TIMEOUT" ? "timed_out" : "failed");
        },
      ),
    );
  });
});

import fc from "fast-check";
import { ERROR_CLASSES, isFinal, JOB_STATES } from "office-contract/vocabulary.ts";
import {
  cancelled,
  completed,
  type Exit,
  failed,
  interrupted,
  isLegalTransition,
  retrying,
  TRANSITIONS,
  timedOut,
  workerLost,
} from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";

const failure = { errorClass: "EXIT_CODE", errorMessage: "exit code 3", exitCode: 3 } as const;

const EXITS: readonly Exit[] = [
  completed({ text: "ok" }),
  failed(failure),
  timedOut({ ...failure, errorClass: "TIMEOUT" }),
  cancelled(),
  retrying(failure, 1_000),
  interrupted(),
  workerLost(),
];

/** What leads from where to where, as the contract says it. */
const CONTRACT: Readonly<Record<string, readonly string[]>> = {
  pending: ["ready", "cancelled", "failed"],
  ready: ["processing", "cancelled"],
  processing: ["done", "failed", "timeout", "cancelled", "pending"],
  done: ["pending", "ready"],
  failed: ["pending", "ready"],
  timeout: ["pending", "ready"],
  cancelled: ["pending", "ready"],
};

describe.each(JOB_STATES)("from %s", (from) => {
  test.each(JOB_STATES)("to %s is as the contract says", (to) => {
    expect(isLegalTransition(from, to)).toBe(CONTRACT[from]?.includes(to));
  });

  test("every final state can be reached", () => {
    const reached = new Set<string>([from]);
    for (let size = 0; size < reached.size; ) {
      size = reached.size;
      for (const transition of TRANSITIONS) if (reached.has(transition.from)) reached.add(transition.to);
    }
    expect([...reached].toSorted()).toEqual([...JOB_STATES].toSorted());
  });
});

test("no transition is listed twice, and each says why", () => {
  const pairs = TRANSITIONS.map(({ from, to }) => `${from} ${to}`);
  expect(new Set(pairs).size).toBe(pairs.length);
  expect(TRANSITIONS.filter(({ reason }) => reason.trim() === "")).toEqual([]);
});

test("a final state is left by an explicit retry alone", () => {
  const reasons = TRANSITIONS.filter(({ from }) => isFinal(from)).map(({ reason }) => reason);
  expect(new Set(reasons)).toEqual(new Set(["explicit retry"]));
});

describe("the ways out of processing", () => {
  test("there are seven, each of its own name", () => {
    expect(new Set(EXITS.map(({ way }) => way)).size).toBe(7);
  });

  test.each(EXITS)("$way is a legal one", ({ jobState }) => {
    expect(isLegalTransition("processing", jobState)).toBe(true);
  });

  test("all that the lifecycle knows are used", () => {
    const legal = TRANSITIONS.filter(({ from }) => from === "processing").map(({ to }) => to);
    expect(new Set(EXITS.map(({ jobState }) => jobState))).toEqual(new Set(legal));
  });

  test.each(EXITS)("$way: only a job that goes back to the queue waits, and only a retry costs one", (exit) => {
    expect(exit.retryDelayMs > 0).toBe(exit.way === "retrying");
    expect(exit.costsRetry).toBe(exit.way === "retrying");
    expect(exit.jobState === "done").toBe(exit.executionState === "completed");
  });

  test.each(EXITS)(
    "$way: a bad end of the job says of which class it is and why",
    ({ jobState, errorClass, errorMessage }) => {
      const badEnd = jobState === "failed" || jobState === "timeout" || jobState === "cancelled";
      if (badEnd) expect(ERROR_CLASSES).toContain(errorClass);
      if (jobState !== "done") expect(errorMessage).not.toBe("");
      else expect([errorClass, errorMessage]).toEqual([null, null]);
    },
  );

  test("a retried attempt is on record as what it was", () => {
    fc.assert(
      fc.property(fc.constantFrom(...ERROR_CLASSES), fc.nat(), (errorClass, delayMs) => {
        const exit = retrying({ ...failure, errorClass }, delayMs);
        expect(exit.executionState).toBe(errorClass === "TIMEOUT" ? "timeout" : "failed");
        expect(exit).toMatchObject({ errorClass, errorMessage: "exit code 3", exitCode: 3, retryDelayMs: delayMs });
      }),
    );
  });

  test("a session that ends well leaves its result", () => {
    expect(completed({ text: "ok" })).toMatchObject({ result: { text: "ok" }, exitCode: 0 });
  });
});

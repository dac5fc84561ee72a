import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check, INVARIANTS } from "../history/check.ts";
import { parseSessions } from "../history/readSessions.ts";
import type { Call, History } from "../history/records.ts";
import { CORRUPTIONS } from "./corruptions.ts";
import { call, type Draft, draftOf, logOf } from "./draft.ts";
import { simulate } from "./simulator.ts";

const SEEDS = fc.integer({ min: 0, max: 1_000_000 });

const verdictsOf = (history: History): Record<string, string> =>
  Object.fromEntries(check(history).findings.map(({ invariant, verdict }) => [invariant, verdict]));

test("a history in which everything holds is valid", () => {
  fc.assert(
    fc.property(SEEDS, (seed) => {
      const { findings } = check(simulate(seed));
      expect(findings.filter(({ verdict }) => verdict === "invalid")).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

describe("what is broken is found", () => {
  test.each(CORRUPTIONS)("%s", (_name, invariant, corrupt) => {
    let broken = 0;
    for (let seed = 0; seed < 60; seed++) {
      const draft = draftOf(seed);
      if (!corrupt(draft)) continue;
      broken += 1;
      const finding = check(draft).findings.find((one) => invariant.test(one.invariant));
      expect(finding, `seed ${seed}`).toMatchObject({
        verdict: "invalid",
        reasons: [expect.any(String), ...(finding?.reasons.slice(1) ?? [])],
      });
      expect(check(draft).verdict).toBe("invalid");
    }
    expect(broken).toBeGreaterThan(5);
  });

  test("there is something for every invariant", () => {
    for (const { name } of INVARIANTS)
      expect(
        CORRUPTIONS.some(([, invariant]) => invariant.test(name)),
        name,
      ).toBe(true);
  });
});

describe("what cannot be told is unknown", () => {
  const empty: History = {
    offices: [],
    sessions: [],
    calls: [],
    faults: [],
    clock: [],
    events: new Map(),
    followed: new Map(),
    promises: { termGraceMs: 10_000, leaseMs: 20_000 },
  };

  test("where there is nothing, of everything", () => {
    const { verdict, findings } = check(empty);
    expect(verdict).toBe("unknown");
    expect(findings.map((finding) => finding.verdict)).toEqual(INVARIANTS.map(() => "unknown"));
  });

  test("where sessions left no record, of limits and deadlines", () => {
    const draft = draftOf(1);
    draft.sessions = [];
    const verdicts = verdictsOf(draft);
    expect(verdicts["never more sessions at a time than the office and its roles allow"]).toBe("unknown");
    expect(verdicts["a session that overruns is asked to end within 2 s of its deadline"]).toBe("unknown");
    expect(check(draft).verdict).toBe("unknown");
  });

  test("where the database's clock has made a step, of limits", () => {
    const draft = draftOf(1);
    draft.clock.push({ kind: "clock", beforeMs: 20_000, databaseMs: 5, afterMs: 20_000 });
    expect(verdictsOf(draft)["never more sessions at a time than the office and its roles allow"]).toBe("unknown");
  });
});

describe("a limit that was changed", () => {
  const crowd = (draft: Draft): void => {
    const [first] = draft.sessions;
    const start = logOf(draft).find(({ type }) => type === "job_started");
    if (first === undefined || start === undefined) throw new Error("nothing has run");
    const timestamp = new Date(Date.parse(start.timestamp) + 20_000 - first.startMs).toISOString();
    draft.sessions = [0, 1, 2, 3].map((index) => {
      return { ...first, executionId: `x${index}`, jobId: `x${index}`, role: "FE", startMs: 20_000, aliveMs: 20_100 };
    });
    for (const { executionId } of draft.sessions) logOf(draft).push({ ...start, execution_id: executionId, timestamp });
  };
  const change = (about: Partial<Call>): Call =>
    call({ name: "patchConfig", request: { body: { maxConcurrentJobs: 4 } }, ...about });
  const limits = (calls: Call[]): string | undefined => {
    const draft = draftOf(1);
    crowd(draft);
    draft.calls.push(...calls);
    return verdictsOf(draft)["never more sessions at a time than the office and its roles allow"];
  };

  test.each([
    ["before, and acknowledged", [change({ invokedMs: 100, answeredMs: 110 })], "valid"],
    ["while they were started", [change({ invokedMs: 19_990, answeredMs: 20_010 })], "valid"],
    ["afterwards", [change({ invokedMs: 20_001, answeredMs: 20_010 })], "invalid"],
    [
      "without an answer, at any time before",
      [change({ invokedMs: 100, answeredMs: null, outcome: "unknown" })],
      "valid",
    ],
    ["and refused", [change({ invokedMs: 100, answeredMs: 110, outcome: "refused" })], "invalid"],
    [
      "and changed back long before",
      [
        change({ invokedMs: 100, answeredMs: 110 }),
        change({ invokedMs: 200, answeredMs: 210, request: { body: { maxConcurrentJobs: 3 } } }),
      ],
      "invalid",
    ],
  ] as const)("%s", (_when, calls, verdict) => {
    expect(limits([...calls])).toBe(verdict);
  });
});

describe("what an agent has written", () => {
  test("is read, its last signs included", () => {
    const text = "start 1000 12 e1 7 2 j1 o1 BE\nalive 1200 12\nchild 1500 12\nterm 1400 12\nexit 1450 12 143\n";
    expect(parseSessions(text)).toEqual([
      {
        executionId: "e1",
        jobId: "j1",
        officeId: "o1",
        role: "BE",
        token: 7n,
        attempt: 2,
        external: false,
        startMs: 1_000,
        aliveMs: 1_500,
        termMs: 1_400,
        exited: true,
      },
    ]);
  });

  test("and was cut off in the middle of a line counts up to there", () => {
    expect(parseSessions("start 1000 12 e1 7 2 j1 o1 BE\nalive 1200 12\nalive 99")).toMatchObject([
      { aliveMs: 1_200, exited: false },
    ]);
    expect(parseSessions("start 1000 12 e1")).toEqual([]);
    expect(parseSessions("")).toEqual([]);
  });

  test("by two programs of one execution is two lives", () => {
    const start = (atMs: number, pid: number): string => `start ${atMs} ${pid} e1 7 2 j1 o1 BE\n`;
    const sessions = parseSessions(`${start(1_000, 12)}${start(1_100, 13)}alive 1300 12\nalive 1200 13\n`);
    expect(sessions).toMatchObject([
      { startMs: 1_000, aliveMs: 1_300 },
      { startMs: 1_100, aliveMs: 1_200 },
    ]);
    expect(verdictsOf({ ...simulate(1), sessions })["a job has at most one live session, and tokens rise"]).toBe(
      "invalid",
    );
  });
});

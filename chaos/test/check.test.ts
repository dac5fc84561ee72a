import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check, INVARIANTS } from "../history/check.ts";
import { parseSession } from "../history/readSessions.ts";
import type { Call, History } from "../history/records.ts";
import { simulate } from "./simulator.ts";

const SEEDS = fc.integer({ min: 0, max: 1_000_000 });

type Writable<T> = {
  -readonly [Key in keyof T]: T[Key] extends ReadonlyMap<infer K, readonly (infer V)[]>
    ? Map<K, V[]>
    : T[Key] extends readonly (infer V)[]
      ? V[]
      : T[Key];
};
type Draft = Writable<History>;

const draftOf = (seed: number): Draft => structuredClone(simulate(seed)) as Draft;
const logOf = ({ events }: Draft) => events.get("office") ?? [];
const verdictsOf = (history: History): Record<string, string> =>
  Object.fromEntries(check(history).findings.map(({ invariant, verdict }) => [invariant, verdict]));

/** Changes the log, and what a follower saw of it alike; numbers stay without gaps. */
function rewrite(draft: Draft, change: (log: ReturnType<typeof logOf>) => ReturnType<typeof logOf>): void {
  const log = change(logOf(draft)).map((event, index) => ({ ...event, seq: index + 1 }));
  draft.events.set("office", log);
  draft.followed.set("office", structuredClone(log));
}

const call = (about: Partial<Call>): Call => ({
  kind: "call",
  client: "one",
  name: "",
  officeId: "office",
  invokedMs: 0,
  answeredMs: 1,
  outcome: "ok",
  request: {},
  answer: {},
  ...about,
});

/** What each invariant must not overlook. Returns false where the history has nothing in it that could be broken like that. */
const CORRUPTIONS: readonly [name: string, invariant: RegExp, corrupt: (draft: Draft) => boolean][] = [
  [
    "one session more than the office allows",
    /^never more sessions/,
    (draft) => {
      const [first] = draft.sessions;
      if (first === undefined) return false;
      for (let extra = 0; extra < 3; extra++) {
        draft.sessions.push({ ...first, executionId: `x${extra}`, jobId: `x${extra}`, role: "FE" });
      }
      return true;
    },
  ],
  [
    "two sessions of a role that allows one",
    /^never more sessions/,
    (draft) => {
      const session = draft.sessions.find(({ role }) => role === "QA");
      if (session !== undefined) draft.sessions.push({ ...session, executionId: "x", jobId: "x" });
      return session !== undefined;
    },
  ],
  [
    "a start before what it depends on",
    /^nothing starts before/,
    (draft) => {
      const log = logOf(draft);
      const started = new Set(log.filter(({ type }) => type === "job_started").map(({ job_id: id }) => id));
      const start = log.find(({ type, job_id: id }) => {
        return type === "job_started" && started.has(dependencyOf(draft, id) ?? "");
      });
      const dependency = dependencyOf(draft, start?.job_id ?? "");
      if (start === undefined) return false;
      rewrite(draft, (events) =>
        events.filter(({ type, job_id: id }) => type !== "job_completed" || id !== dependency),
      );
      return true;
    },
  ],
  [
    "a session that lives while one that depends on it has begun",
    /^nothing starts before/,
    (draft) => {
      const dependent = draft.sessions.find(({ jobId }) => dependencyOf(draft, jobId) !== undefined);
      const before = draft.sessions.findLast(({ jobId }) => jobId === dependencyOf(draft, dependent?.jobId ?? ""));
      if (dependent === undefined || before === undefined) return false;
      before.exited = true;
      before.aliveMs = dependent.startMs + 50;
      return true;
    },
  ],
  [
    "a job that runs twice at a time",
    /^a job has at most one live session/,
    (draft) => {
      const [first] = draft.sessions;
      if (first === undefined) return false;
      const again = { ...first, executionId: "again", attempt: first.attempt + 1, token: 1_000n };
      draft.sessions.push({ ...again, startMs: first.aliveMs - 1 });
      return true;
    },
  ],
  [
    "a token that falls",
    /^a job has at most one live session/,
    (draft) => {
      const [first] = draft.sessions;
      if (first === undefined) return false;
      draft.sessions.push({
        ...first,
        executionId: "again",
        attempt: 9,
        token: 0n,
        startMs: first.aliveMs + 1_000,
        aliveMs: first.aliveMs + 1_001,
      });
      return true;
    },
  ],
  [
    "an execution that ends twice",
    /^a report about an execution that is over/,
    (draft) => {
      const end = logOf(draft).find(({ type }) => type === "job_completed");
      if (end !== undefined) rewrite(draft, (events) => [...events, end]);
      return end !== undefined;
    },
  ],
  [
    "two reports that are both taken",
    /^a report about an execution that is over/,
    (draft) => {
      const report = draft.calls.find(({ name }) => name === "completeExecution");
      if (report !== undefined) draft.calls.push(report);
      return report !== undefined;
    },
  ],
  [
    "a job that never ends",
    /^every job that was acknowledged/,
    (draft) => {
      const last = logOf(draft).findLast(({ type }) => type === "job_completed");
      if (last !== undefined) rewrite(draft, (events) => events.filter((event) => event.seq !== last.seq));
      return last !== undefined;
    },
  ],
  [
    "a number that is left out",
    /^events have no gaps/,
    (draft) => {
      logOf(draft).splice(3, 1);
      return true;
    },
  ],
  [
    "an event that a follower has missed",
    /^events have no gaps/,
    (draft) => (draft.followed.get("office") ?? []).splice(2, 1).length === 1,
  ],
  [
    "two events that a follower saw in another order",
    /^events have no gaps/,
    (draft) => {
      const seen = draft.followed.get("office") ?? [];
      seen.splice(1, 2, ...seen.slice(1, 3).toReversed());
      return true;
    },
  ],
  [
    "a start of what was not ready",
    /^events have no gaps/,
    (draft) => {
      const ready = logOf(draft).find(({ type }) => type === "job_ready");
      if (ready !== undefined) rewrite(draft, (events) => events.filter(({ seq }) => seq !== ready.seq));
      return ready !== undefined;
    },
  ],
  [
    "a wait that is too short",
    /^attempts and the waits/,
    (draft) => {
      const retry = logOf(draft).find(({ details }) => details["retry_delay_ms"] !== undefined);
      if (retry !== undefined) retry.details["retry_delay_ms"] = 1;
      return retry !== undefined;
    },
  ],
  [
    "a retry that comes too early",
    /^attempts and the waits/,
    (draft) => {
      const retry = logOf(draft).find(({ details }) => details["retry_delay_ms"] !== undefined);
      const ready = logOf(draft).find(
        ({ seq, type, job_id: id }) => type === "job_ready" && id === retry?.job_id && seq > retry.seq,
      );
      if (retry === undefined || ready === undefined) return false;
      ready.timestamp = retry.timestamp;
      return true;
    },
  ],
  [
    "a lost worker that costs an attempt",
    /^attempts and the waits/,
    (draft) => {
      const end = logOf(draft).find(({ type }) => type === "job_completed");
      if (end === undefined) return false;
      Object.assign(end, { type: "job_failed", details: { error_class: "EXIT_CODE" } });
      return !logOf(draft).some(
        ({ job_id: id, details }) => id === end.job_id && details["retry_delay_ms"] !== undefined,
      );
    },
  ],
  [
    "a job that goes on after it was cancelled",
    /^cancel is final/,
    (draft) => {
      const cancelled = logOf(draft).find(({ type }) => type === "job_cancelled");
      if (cancelled === undefined) return false;
      rewrite(draft, (events) => [...events, { ...cancelled, type: "job_ready" }]);
      return true;
    },
  ],
  [
    "a session that outlives its cancellation",
    /^cancel is final/,
    (draft) => {
      const cancelled = new Set(
        logOf(draft)
          .filter(({ type }) => type === "job_cancelled")
          .map(({ job_id: id }) => id),
      );
      const session = draft.sessions.find(({ jobId }) => cancelled.has(jobId));
      if (session !== undefined) session.aliveMs += 60_000;
      return session !== undefined;
    },
  ],
  [
    "a session that overruns",
    /^a session that overruns/,
    (draft) => {
      const session = draft.sessions.at(-1);
      if (session !== undefined) session.aliveMs = session.startMs + 1_000 + 2_001;
      return session !== undefined;
    },
  ],
  [
    "a session that is asked to end too late",
    /^a session that overruns/,
    (draft) => {
      const session = draft.sessions.at(-1);
      if (session !== undefined) session.termMs = session.startMs + 1_000 + 2_001;
      return session !== undefined;
    },
  ],
  [
    "a worse priority that comes first",
    /^of the jobs that may start/,
    (draft) => {
      const start = logOf(draft).findLast(({ type }) => type === "job_started");
      if (start === undefined) return false;
      const other = { ...start, job_id: "better", role: "FE", execution_id: null, attempt: null };
      rewrite(draft, (events) => [
        { ...other, type: "job_created", details: { priority: -99, depends_on: [] } },
        { ...other, type: "job_ready", details: {} },
        ...events,
      ]);
      return true;
    },
  ],
  [
    "a submission that is lost",
    /^what was acknowledged/,
    (draft) => {
      draft.calls.push(
        call({ name: "submitJobs", request: { body: { jobs: [{}] } }, answer: { jobs: [{ id: "lost" }] } }),
      );
      return true;
    },
  ],
  [
    "a priority that is lost",
    /^what was acknowledged/,
    (draft) => {
      draft.calls.push(call({ name: "setPriority", request: { jobId: "job-0", body: { priority: 77 } } }));
      return true;
    },
  ],
  [
    "a report that is lost",
    /^what was acknowledged/,
    (draft) => {
      draft.calls.push(call({ name: "completeExecution", request: { executionId: "lost" } }));
      return true;
    },
  ],
];

const dependencyOf = (draft: Draft, jobId: string): string | undefined =>
  (
    logOf(draft).find(({ type, job_id: id }) => type === "job_created" && id === jobId)?.details["depends_on"] as
      | string[]
      | undefined
  )?.[0];

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
    const text = "start 1000 e1 7 2 j1 o1 BE 123\nalive 1200\nchild 1500\nterm 1400\nexit 1450 143\n";
    expect(parseSession(text)).toEqual({
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
    });
  });

  test("and was cut off in the middle of a line counts up to there", () => {
    expect(parseSession("start 1000 e1 7 2 j1 o1 BE 123\nalive 1200\nalive 99")).toMatchObject({
      aliveMs: 1_200,
      exited: false,
    });
    expect(parseSession("start 1000 e1")).toBeNull();
    expect(parseSession("")).toBeNull();
  });
});

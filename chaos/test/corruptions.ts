import { call, type Draft, dependencyOf, logOf, rewrite } from "./draft.ts";

/** What each invariant must not overlook. Returns false where the history has nothing in it that could be broken like that. */
export const CORRUPTIONS: readonly [name: string, invariant: RegExp, corrupt: (draft: Draft) => boolean][] = [
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
    "a job that is ready, has another priority, and never starts",
    /^every job that was acknowledged/,
    (draft) => {
      const [created] = logOf(draft);
      if (created === undefined) return false;
      const of = { ...created, job_id: "waiting" };
      rewrite(draft, (events) => [
        ...events,
        { ...of, details: { priority: 0, depends_on: [] } },
        { ...of, type: "job_ready", details: {} },
        { ...of, type: "job_priority_changed", details: { from: 0, to: 1 } },
      ]);
      draft.calls.push(
        call({ name: "submitJobs", request: { body: { jobs: [{}] } }, answer: { jobs: [{ id: "waiting" }] } }),
      );
      return true;
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
    "a session that is told late that it was cancelled, though nothing is broken",
    /^cancel is final/,
    (draft) => {
      const cancel = draft.calls.find(({ name }) => name === "cancelJob");
      const ids = (cancel?.answer as { job_ids?: string[] } | undefined)?.job_ids ?? [];
      const session = draft.sessions.find(({ jobId, external }) => !external && ids.includes(jobId));
      if (session === undefined || !cancel?.answeredMs) return false;
      draft.faults = [];
      Object.assign(session, { termMs: cancel.answeredMs + 5_001, aliveMs: cancel.answeredMs + 5_101 });
      return true;
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
  [
    "a report about what has ended otherwise before, that is taken",
    /^what was acknowledged/,
    (draft) => {
      const end = logOf(draft).find(({ type, execution_id: id }) => type === "job_retrying" && id !== null);
      const request = { executionId: end?.execution_id, body: { success: true } };
      if (end !== undefined) draft.calls.push(call({ name: "completeExecution", request }));
      return end !== undefined;
    },
  ],
];

import type { JobEvent } from "office-contract/events.ts";
import { type EventType, isFinal, type JobState } from "office-contract/vocabulary.ts";
import { openJobs } from "office-server/db/queries/openJobs.ts";
import { countJobs } from "office-server/db/transitions/countJobs.ts";
import { isLegalTransition } from "office-server/domain/lifecycle.ts";
import type { JobRow, TestOffice } from "./testOffice.ts";

/** The state that an event leaves its job in; null where it leaves the state alone. */
const STATE_AFTER: Readonly<Record<EventType, JobState | null>> = {
  job_created: "pending",
  job_ready: "ready",
  job_started: "processing",
  job_completed: "done",
  job_failed: "failed",
  job_timeout: "timeout",
  job_retrying: "pending",
  job_cancelled: "cancelled",
  job_priority_changed: null,
  job_handed_over: null,
};

export interface ConcurrencyLimits {
  office: number;
  byRole?: Readonly<Record<string, number>>;
}

/**
 * Everything that is wrong with an office's event log, by itself and held against its rows; nothing when all is well:
 * no gaps, time goes forward, every step legal, nothing starts before what it depends on, the limits hold, and each
 * job's counter of unmet dependencies is true, as are the counts that follow the log.
 */
export async function problemsOf(office: TestOffice, limits?: ConcurrencyLimits): Promise<string[]> {
  const events = await office.events();
  const jobs = await office.jobs();
  const { problems, states } = replay(events, statesBefore(events, jobs), await dependenciesOf(office), limits);
  for (const job of jobs) {
    const state = states.get(job.id);
    if (state !== job.status) problems.push(`${job.key} is ${job.status}, its last event says ${state}`);
  }
  return [
    ...problems,
    ...(await wrongCounters(office)),
    ...(await wrongExecutions(office)),
    ...(await wrongCounts(office)),
    ...(await lostJobs(office)),
  ];
}

/**
 * What came in finished, or was finished before the office was adopted, has no history until it is run again. It may have been
 * deleted since.
 */
function statesBefore(events: readonly JobEvent[], jobs: readonly JobRow[]): Map<string, JobState> {
  const first = new Map(events.toReversed().map((event) => [event.job_id, event]));
  const states = new Map<string, JobState>();
  for (const { id, status } of jobs) if (!first.has(id) && isFinal(status)) states.set(id, status);
  for (const [id, { type, details }] of first) if (type === "job_retrying") states.set(id, details["was"] as JobState);
  return states;
}

function replay(
  events: readonly JobEvent[],
  states: Map<string, JobState>,
  dependencies: ReadonlyMap<string, readonly string[]>,
  limits: ConcurrencyLimits | undefined,
) {
  const problems: string[] = [];
  const roles = new Map<string, string>();
  const attempts = new Map<string, number>();
  let before: JobEvent | null = null;
  for (const event of events) {
    const { seq, type, job_id: job, attempt, role } = event;
    const say = (problem: string): number => problems.push(`${seq} ${type} ${event.job_key}: ${problem}`);
    if (seq !== (before?.seq ?? 0) + 1) say(`comes after ${before?.seq}`);
    if (before !== null && event.timestamp < before.timestamp)
      say(`is of ${event.timestamp}, before ${before.timestamp}`);
    before = event;

    const from = states.get(job);
    const to = STATE_AFTER[type] ?? from;
    if (from === undefined ? type !== "job_created" : to !== from && !isLegalTransition(from, to ?? from)) {
      say(`${from} may not become ${to}`);
    }
    if (from === to && STATE_AFTER[type] !== null) say(`it was ${from} already`);
    if (to !== undefined) states.set(job, to);
    if (type !== "job_started") continue;

    if (attempt !== (attempts.get(job) ?? 0) + 1) say(`attempt ${attempt} after ${attempts.get(job)}`);
    attempts.set(job, attempt ?? 0);
    roles.set(job, role);
    for (const dependency of dependencies.get(job) ?? []) {
      if (states.get(dependency) !== "done") say(`${dependency}, which it depends on, is ${states.get(dependency)}`);
    }
    const running = [...states].flatMap(([id, state]) => (state === "processing" ? [roles.get(id)] : []));
    if (limits === undefined) continue;
    if (running.length > limits.office) say(`${running.length} of ${limits.office} run`);
    const ofRole = running.filter((name) => name === role).length;
    if (ofRole > (limits.byRole?.[role] ?? Infinity)) say(`${ofRole} of ${limits.byRole?.[role]} run as ${role}`);
  }
  return { problems, states };
}

async function dependenciesOf({ database, id }: TestOffice): Promise<Map<string, string[]>> {
  const text = "SELECT id, depends_on FROM job_queue WHERE office_id = $1";
  const rows = await database.query<{ id: string; depends_on: string[] }>("", text, [id]);
  return new Map(rows.map((row) => [row.id, row.depends_on]));
}

/** Jobs whose `unmet_count` is not the number of their dependencies that are not done. */
async function wrongCounters({ database, id }: TestOffice): Promise<string[]> {
  const rows = await database.query<{ key: string; unmet_count: number; real: number }>(
    "",
    `SELECT j.key, j.unmet_count, count(DISTINCT d.id)::integer AS real FROM job_queue j
     LEFT JOIN LATERAL (
       SELECT n.id FROM unnest(j.depends_on) AS n(id) LEFT JOIN job_queue p ON p.id = n.id AND p.office_id = j.office_id
       WHERE n.id <> j.id AND p.status IS DISTINCT FROM 'done'
     ) d ON true
     WHERE j.office_id = $1 AND j.admitted GROUP BY j.id HAVING count(DISTINCT d.id) <> j.unmet_count`,
    [id],
  );
  return rows.map((row) => `${row.key} counts ${row.unmet_count} unmet dependencies, and has ${row.real}`);
}

/** A job that runs has one live execution; any other live execution is being stopped. */
async function wrongExecutions({ database, id }: TestOffice): Promise<string[]> {
  const rows = await database.query<{ key: string; status: string; live: number }>(
    "",
    `SELECT j.key, j.status, count(e.id)::integer AS live FROM job_queue j
     LEFT JOIN job_executions e ON e.job_id = j.id AND e.ended_at IS NULL AND e.stop_cause IS DISTINCT FROM 'cancelled' AND e.attempt = j.attempt
     WHERE j.office_id = $1 GROUP BY j.id HAVING count(e.id) <> CASE j.status WHEN 'processing' THEN 1 ELSE 0 END`,
    [id],
  );
  return rows.map((row) => `${row.key} is ${row.status} and has ${row.live} live executions`);
}

/** Counts of finished jobs that are not what there is. */
async function wrongCounts({ database, id }: TestOffice): Promise<string[]> {
  await countJobs(database, id);
  const rows = await database.query<{ counted: unknown; real: unknown }>(
    "",
    `SELECT jsonb_build_object('total', c.total, 'done', c.done, 'failed', c.failed, 'timeout', c.timeout, 'cancelled', c.cancelled) AS counted,
       to_jsonb(r) AS real
     FROM job_counts c, (
       SELECT count(*) AS total, count(*) FILTER (WHERE status = 'done') AS done,
         count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'timeout') AS timeout,
         count(*) FILTER (WHERE status = 'cancelled') AS cancelled
       FROM job_queue WHERE office_id = $1 AND admitted
     ) r
     WHERE c.office_id = $1 AND (c.total, c.done, c.failed, c.timeout, c.cancelled) <> (r.total, r.done, r.failed, r.timeout, r.cancelled)`,
    [id],
  );
  return rows.map(({ counted, real }) => `${JSON.stringify(counted)} are counted, there are ${JSON.stringify(real)}`);
}

/** Jobs that have not ended, and would not be found when somebody asks for these; or the other way round. */
async function lostJobs({ database, id }: TestOffice): Promise<string[]> {
  const found = await openJobs(database, id, { taskId: null, role: null, states: null });
  const rows = await database.query<{ id: string }>(
    "",
    "SELECT id FROM job_queue WHERE office_id = $1 AND status IN ('pending', 'ready', 'processing') ORDER BY created_at, id",
    [id],
  );
  const real = rows.map((row) => row.id);
  return found.join() === real.join() ? [] : [`the open jobs are ${real.join(", ")}; found are ${found.join(", ")}`];
}

import { type JobEvent, jobEventSchema } from "office-contract/events.ts";
import type { EventType } from "office-contract/vocabulary.ts";

/**
 * Says what is wrong with the history of a run, from its events alone. It knows the contract and nothing of the code:
 * its rules are written down here once more, by hand.
 */
export interface Expectations {
  /** By the key of each job, the keys of those it depends on. */
  dependencies: ReadonlyMap<string, readonly string[]>;
  /** Sessions at a time: in all, and of a role. */
  limits: { office: number; byRole?: Readonly<Record<string, number>> };
  /** Other tasks of the office have events of their own in between: numbers rise, and may skip. */
  shared?: boolean;
  /** The run was cut off: jobs may be without an end. */
  unfinished?: boolean;
}

type State = "pending" | "ready" | "processing" | "done" | "failed" | "timeout" | "cancelled";

interface Step {
  from: readonly (State | "nothing")[];
  to: State | null;
}

const ENDED: readonly State[] = ["done", "failed", "timeout", "cancelled"];

const STEPS: Readonly<Record<EventType, Step>> = {
  job_created: { from: ["nothing"], to: "pending" },
  job_ready: { from: ["pending"], to: "ready" },
  job_started: { from: ["ready"], to: "processing" },
  job_completed: { from: ["processing"], to: "done" },
  job_failed: { from: ["processing"], to: "failed" },
  job_timeout: { from: ["processing"], to: "timeout" },
  job_retrying: { from: ["processing"], to: "pending" },
  job_cancelled: { from: ["pending", "ready", "processing"], to: "cancelled" },
  job_priority_changed: { from: ["pending", "ready"], to: null },
  job_handed_over: { from: ["pending", "ready"], to: null },
};

interface JobHistory {
  state: State | "nothing";
  attempt: number;
  role: string;
  executionId: string | null;
}

export function problemsOf(events: readonly JobEvent[], expectations: Expectations): string[] {
  const problems = [...events.flatMap(shapeProblems), ...orderProblems(events, expectations.shared ?? false)];
  const jobs = new Map<string, JobHistory>();
  const executions = new Set<string>();
  for (const event of events) {
    const job = jobs.get(event.job_key ?? "") ?? { state: "nothing", attempt: 0, role: event.role, executionId: null };
    jobs.set(event.job_key ?? "", job);
    problems.push(...stepProblems(event, job).map((problem) => `${nameOf(event)}: ${problem}`));
    job.state = STEPS[event.type].to ?? job.state;
    if (event.type !== "job_started") continue;
    if (executions.has(event.execution_id ?? ""))
      problems.push(`${nameOf(event)}: the execution has been there before`);
    executions.add(event.execution_id ?? "");
    Object.assign(job, { attempt: event.attempt ?? 0, role: event.role, executionId: event.execution_id });
    problems.push(...startProblems(event, jobs, expectations).map((problem) => `${nameOf(event)}: ${problem}`));
  }
  return [...problems, ...endProblems(jobs, expectations)];
}

const nameOf = ({ seq, type, job_key: key }: JobEvent): string => `${seq} ${type} ${key}`;

function shapeProblems(event: JobEvent): string[] {
  const { error } = jobEventSchema.safeParse(event);
  return error === undefined ? [] : [`${nameOf(event)}: is no event: ${error.issues[0]?.path.join(".")}`];
}

function orderProblems(events: readonly JobEvent[], shared: boolean): string[] {
  const problems: string[] = [];
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    if (before === undefined) continue;
    const { seq, timestamp } = event;
    if (shared ? seq <= before.seq : seq !== before.seq + 1) problems.push(`${nameOf(event)}: follows ${before.seq}`);
    if (Date.parse(timestamp) < Date.parse(before.timestamp)) problems.push(`${nameOf(event)}: goes back in time`);
  }
  return problems;
}

function stepProblems({ type, details, attempt, execution_id: executionId }: JobEvent, job: JobHistory): string[] {
  const explicit = type === "job_retrying" && details["explicit"] === true;
  const from = explicit ? ENDED : STEPS[type].from;
  const problems: string[] = [];
  if (!from.includes(job.state)) problems.push(`it was ${job.state}`);
  if (type === "job_started" && attempt !== job.attempt + 1) problems.push(`attempt ${attempt} follows ${job.attempt}`);
  const endsSession = job.state === "processing" && !explicit;
  if (endsSession && (attempt !== job.attempt || executionId !== job.executionId)) {
    problems.push(`is about attempt ${attempt}, and ${job.attempt} was running`);
  }
  return problems;
}

/** At a start: everything that it depends on is done, and it is not one too many. */
function startProblems(event: JobEvent, jobs: ReadonlyMap<string, JobHistory>, expected: Expectations): string[] {
  const { job_key: key, role } = event;
  const problems = (expected.dependencies.get(key ?? "") ?? []).flatMap((dependency) => {
    const state = jobs.get(dependency)?.state;
    return state === "done" ? [] : [`${dependency}, which it depends on, is ${state}`];
  });
  const running = [...jobs.values()].filter(({ state }) => state === "processing");
  const { office, byRole = {} } = expected.limits;
  if (running.length > office) problems.push(`${running.length} of ${office} run`);
  const ofRole = running.filter((job) => job.role === role).length;
  const roleMax = byRole[role] ?? Infinity;
  if (ofRole > roleMax) problems.push(`${ofRole} of ${roleMax} run as ${role}`);
  return problems;
}

function endProblems(
  jobs: ReadonlyMap<string, JobHistory>,
  { dependencies, unfinished = false }: Expectations,
): string[] {
  const expected = [...dependencies.keys()];
  const missing = expected.filter((key) => !jobs.has(key)).map((key) => `${key} has no event`);
  const unknown = [...jobs.keys()].filter((key) => !dependencies.has(key)).map((key) => `${key} is no job of the plan`);
  const open = [...jobs].filter(([, { state }]) => !ENDED.includes(state as State));
  const endless = unfinished ? [] : open.map(([key, { state }]) => `${key} has no end: it is ${state}`);
  return [...missing, ...unknown, ...endless];
}

import { dirname } from "node:path";
import type { SessionSpec } from "office-contract/session.ts";
import type { Database, Queryable } from "../db/connection.ts";
import { lastEventSeq } from "../db/queries/eventsAfter.ts";
import { liveExecutions } from "../db/queries/liveExecutions.ts";
import { lastTaskOfPlan, type TaskJobRow, taskJobs } from "../db/queries/taskJobs.ts";
import { ensureOffice, type Office } from "../db/transitions/ensureOffice.ts";
import { redefineJobs } from "../db/transitions/redefineJobs.ts";
import { retryJobs } from "../db/transitions/retryJobs.ts";
import { type NewJob, submitTask } from "../db/transitions/submitTask.ts";
import type { Plan, PlanJob } from "../domain/plan.ts";
import { Refusal } from "../domain/refusal.ts";
import { newJobId } from "../platform/ids.ts";
import { workerProcess } from "../platform/workerId.ts";
import { asNewJob } from "./newJob.ts";
import { roleSession } from "./offices.ts";
import { isGone } from "./session/recovery.ts";

/** Where a plan came from: its office, unless it names one, and how its task is found again. */
export interface PlanOrigin {
  /** Absolute. */
  path: string;
  /** The office's name for a plan that names none. */
  defaultOffice: string;
}

/** A task that is in the database and ready to be worked on. */
export interface Submission {
  officeId: string;
  taskId: string;
  /** In the plan's order. */
  jobs: TaskJobRow[];
  /** The office's events after this `seq` are about what comes now. */
  eventsAfter: number;
  /** The office's limit on sessions at a time. */
  maxConcurrentJobs: number;
  /** Whether the office is paused, so that nothing starts until somebody resumes it. */
  isPaused: boolean;
}

/** Stores a plan as one task, all or nothing. Its office is created if it is missing, and gets the plan's settings. */
export const submitPlan = (database: Database, plan: Plan, origin: PlanOrigin): Promise<Submission> =>
  database.transaction(async (transaction) => {
    const { id: officeId, config, isPaused } = await applySettings(transaction, plan, origin);
    const taskId = newJobId();
    const ids = new Map(plan.jobs.map((job) => [job.key, newJobId()]));
    const jobs = plan.jobs.map((job) => withIds(job, ids));
    const eventsAfter = await lastEventSeq(transaction, officeId);
    const task = { id: taskId, officeId, title: plan.title, planPath: origin.path, jobs };
    if ((await submitTask(transaction, task)) === null)
      throw new Refusal("office_is_archived", "the office is archived");
    const stored = await taskJobs(transaction, taskId);
    return { officeId, taskId, jobs: stored, eventsAfter, maxConcurrentJobs: config.maxConcurrentJobs, isPaused };
  });

export type Resumption = { ok: true; submission: Submission } | { ok: false; reason: string };

/**
 * Takes up the last task of a plan where it stopped: what is not done is brought back, defined as the plan says now. The
 * plan's graph must be the same. Executions that a dead worker left behind must have been put on record before.
 */
export async function resumePlan(
  database: Database,
  plan: Plan,
  origin: PlanOrigin,
  { onlyThisMachine }: { onlyThisMachine: boolean },
): Promise<Resumption> {
  const officeName = plan.office ?? origin.defaultOffice;
  const task = await lastTaskOfPlan(database, officeName, origin.path);
  if (task === null) return refuse(`there is no earlier run of it in office "${officeName}"; run it without --resume`);
  const running = await runningElsewhere(database, task.id, onlyThisMachine);
  if (running !== null) return refuse(`it is being run, by process ${running}; wait for its end, or stop it`);
  const submission = await database.transaction(async (transaction) => {
    const stored = await taskJobs(transaction, task.id);
    if (!isSameGraph(plan, stored)) return null;
    const { id: officeId, config, isPaused } = await applySettings(transaction, plan, origin);
    const ids = new Map(stored.map((job) => [job.key, job.id]));
    const eventsAfter = await lastEventSeq(transaction, officeId);
    await redefineJobs(
      transaction,
      officeId,
      plan.jobs.map((job) => withIds(job, ids)),
    );
    await retryJobs(
      transaction,
      officeId,
      stored.filter((job) => job.status !== "done").map((job) => job.id),
      { downstream: false },
    );
    const jobs = await taskJobs(transaction, task.id);
    return { officeId, taskId: task.id, jobs, eventsAfter, maxConcurrentJobs: config.maxConcurrentJobs, isPaused };
  });
  if (submission === null)
    return refuse("its jobs or their dependencies have changed since its last run; run it without --resume");
  return { ok: true, submission };
}

const refuse = (reason: string): Resumption => ({ ok: false, reason });

/** An office that a plan names keeps what others have set. One that is there for a plan alone is as that plan says. */
const applySettings = (transaction: Queryable, plan: Plan, origin: PlanOrigin): Promise<Office> =>
  ensureOffice(transaction, {
    name: plan.office ?? origin.defaultOffice,
    config: plan.limits,
    roles: roleSessions(plan, dirname(origin.path)),
    ...(plan.office === null && { onlyFor: origin.path }),
  });

/** The pid of the process that runs a job of the task, if one does. What one that is gone has left is taken over. */
async function runningElsewhere(database: Database, taskId: string, onlyThisMachine: boolean): Promise<string | null> {
  const execution = (await liveExecutions(database)).find(
    ({ task_id: ofTask, worker_id: workerId }) => ofTask === taskId && !isGone(workerId, onlyThisMachine),
  );
  return execution === undefined ? null : String(workerProcess(execution.worker_id)?.pid ?? execution.worker_id);
}

const isSameGraph = (plan: Plan, stored: readonly TaskJobRow[]): boolean => {
  const keys = new Map(stored.map((job) => [job.id, job.key]));
  const edges = new Map(stored.map((job) => [job.key, new Set(job.depends_on.map((id) => keys.get(id)))]));
  return (
    plan.jobs.length === stored.length &&
    plan.jobs.every(({ key, dependsOn }) => {
      const before = edges.get(key);
      return before?.size === dependsOn.length && dependsOn.every((dependency) => before.has(dependency));
    })
  );
};

const withIds = (job: PlanJob, ids: ReadonlyMap<string, string>): NewJob => {
  const idOf = (key: string): string => {
    const id = ids.get(key);
    if (id === undefined) throw new Error(`the plan was not checked: it has no job ${key}`);
    return id;
  };
  return asNewJob(job, idOf(job.key), job.dependsOn.map(idOf));
};

/** What jobs that another program writes are run with, by role. */
const roleSessions = ({ roles }: Plan, directory: string): Record<string, SessionSpec> => {
  const sessions: Record<string, SessionSpec> = {};
  for (const [name, role] of roles) {
    const session = roleSession(role, directory);
    if (session !== null) sessions[name] = session;
  }
  return sessions;
};

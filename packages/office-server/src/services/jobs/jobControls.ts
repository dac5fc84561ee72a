import type { JobState } from "office-contract/vocabulary.ts";
import { isFinal } from "office-contract/vocabulary.ts";
import type { Database, Queryable } from "../../db/connection.ts";
import { jobStanding } from "../../db/queries/jobStanding.ts";
import { type OpenJobMatch, openJobs } from "../../db/queries/openJobs.ts";
import { type Cancellation, cancelJobs } from "../../db/transitions/cancelJobs.ts";
import { type HandOver, handOverJob, setPriority, setTimeoutMs } from "../../db/transitions/jobControls.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { retryJobs } from "../../db/transitions/retryJobs.ts";
import { Refusal } from "../../domain/refusal.ts";

/** A job of an office. */
export interface JobAddress {
  officeId: string;
  jobId: string;
}

const unknownJob = ({ officeId, jobId }: JobAddress): Refusal =>
  new Refusal("not_found", `there is no job ${jobId} in office ${officeId}`);

const isOver = ({ jobId }: JobAddress, state: JobState): Refusal =>
  new Refusal("job_is_final", `job ${jobId} has ended: it is ${state}; retry it to run it again`);

const CANCELLED_BY_REQUEST = "cancelled by request";

/** Cancels a job and what depends on it. One that has ended stays as it is. */
export const cancelJob = (database: Database, job: JobAddress, reason = CANCELLED_BY_REQUEST): Promise<Cancellation> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [job.officeId]);
    await standingOf(transaction, job);
    return cancelJobs(transaction, job.officeId, [job.jobId], reason);
  });

/** Cancels every job that matches and has not ended, with what depends on them: all, or none. */
export const cancelMatching = (
  database: Database,
  officeId: string,
  match: OpenJobMatch,
  reason = CANCELLED_BY_REQUEST,
): Promise<Cancellation> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    return cancelJobs(transaction, officeId, await openJobs(transaction, officeId, match), reason);
  });

/** Brings a job back that has ended, and if `downstream` what its bad end had cancelled. Returns all that came back. */
export const retryJob = (database: Database, job: JobAddress, downstream: boolean): Promise<string[]> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [job.officeId]);
    const { status, live, office_status: office, broken } = await standingOf(transaction, job);
    if (office === "archived") {
      throw new Refusal("office_is_archived", "the office is archived, and runs nothing; make it active first");
    }
    if (!isFinal(status)) throw new Refusal("job_not_final", `job ${job.jobId} has not ended: it is ${status}`);
    if (live) {
      const detail = `the last session of job ${job.jobId} is still being stopped; try again when it is gone`;
      throw new Refusal("job_not_final", detail);
    }
    if (broken !== null) {
      const detail = `job ${job.jobId} depends on ${broken.name}, which is ${broken.status}; retry that one, and it comes back as well`;
      throw new Refusal("dependency_failed", detail);
    }
    return retryJobs(transaction, job.officeId, [job.jobId], { downstream });
  });

/** @throws Refusal for a job that does not wait */
export async function changePriority(database: Database, job: JobAddress, priority: number): Promise<void> {
  const state = await setPriority(database, job.officeId, job.jobId, priority);
  if (state === null) throw unknownJob(job);
  if (state === "processing") throw new Refusal("job_is_running", `job ${job.jobId} is running: it has had its turn`);
  if (isFinal(state)) throw isOver(job, state);
}

/** Returns whether a session runs that has to be told. */
export async function changeTimeout(database: Database, job: JobAddress, timeoutMs: number): Promise<boolean> {
  const state = await setTimeoutMs(database, job.officeId, job.jobId, timeoutMs);
  if (state === null) throw unknownJob(job);
  if (isFinal(state)) throw isOver(job, state);
  return state === "processing";
}

/** Returns whether a session runs that is to be stopped. */
export async function changeAssignee(database: Database, job: JobAddress, handOver: HandOver): Promise<boolean> {
  const state = await handOverJob(database, job.officeId, job.jobId, handOver);
  if (state === null) throw unknownJob(job);
  if (isFinal(state)) throw isOver(job, state);
  if (state === "processing" && !handOver.requeue) {
    const detail = `job ${job.jobId} is running; with "requeue": true its session is stopped, and the job runs anew`;
    throw new Refusal("job_is_running", detail);
  }
  return state === "processing";
}

async function standingOf(transaction: Queryable, job: JobAddress) {
  const standing = await jobStanding(transaction, job.officeId, job.jobId);
  if (standing === null) throw unknownJob(job);
  return standing;
}

import { dependenciesOf, dependentsOf, findJobs, jobExecutions } from "../../db/queries/jobRows.ts";
import { annotateJob } from "../../db/transitions/annotateJob.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { Handlers } from "../handler.ts";
import { controlHandlers } from "./controls.ts";
import { logHandlers } from "./logs.ts";
import { presentJob, showJob } from "./presentation.ts";
import { submitHandlers } from "./submit.ts";

const readHandlers: Handlers<"listJobs" | "getJob" | "patchJob"> = {
  listJobs: async ({ database }, { params: { officeId }, query }) => {
    const { status: states = null, role = null, task_id: taskId = null, limit, cursor } = query;
    const after = decodeCursor(cursor);
    const { jobs, next } = await findJobs(database, officeId, { states, role, taskId, after, limit });
    return { jobs: jobs.map(presentJob), next_cursor: next === null ? null : encodeCursor(next) };
  },

  getJob: async ({ database }, { params }) => {
    const job = await showJob(database, params);
    const [executions, dependencies, dependents] = await Promise.all([
      jobExecutions(database, job.id),
      dependenciesOf(database, job.id),
      dependentsOf(database, job.id),
    ]);
    return { ...presentJob(job), executions, dependencies, dependents };
  },

  patchJob: async ({ database }, { params, body }) => {
    await annotateJob(database, params.officeId, params.jobId, body);
    return presentJob(await showJob(database, params));
  },
};

export const jobHandlers = { ...readHandlers, ...controlHandlers, ...logHandlers, ...submitHandlers };

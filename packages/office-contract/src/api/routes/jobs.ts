import { z } from "zod";
import {
  jobDetailsSchema,
  jobListQuery,
  jobListSchema,
  jobSchema,
  logsQuery,
  patchJobSchema,
  submitJobsSchema,
  submittedSchema,
} from "../jobs.ts";
import { officeParams, jobParams, type Route } from "./route.ts";

const idempotency = z.object({
  "idempotency-key": z
    .string()
    .min(1)
    .max(255)
    .regex(/^[\x21-\x7e]+$/, "must be visible ASCII characters without spaces")
    .optional()
    .describe("Makes a repeat of the request return the first answer, for at least a day."),
});

export const jobRoutes = {
  submitJobs: {
    method: "post",
    path: "/offices/:officeId/jobs",
    tag: "Jobs",
    summary: "Submit jobs that may depend on each other, all or nothing",
    access: "write",
    params: officeParams,
    headers: idempotency,
    body: submitJobsSchema,
    status: 201,
    response: submittedSchema,
    problems: ["invalid_graph", "idempotency_key_reused", "shell_not_allowed", "office_is_archived"],
  },
  listJobs: {
    method: "get",
    path: "/offices/:officeId/jobs",
    tag: "Jobs",
    summary: "List an office's jobs, the newest task first",
    access: "read",
    params: officeParams,
    query: jobListQuery,
    status: 200,
    response: jobListSchema,
  },
  getJob: {
    method: "get",
    path: "/offices/:officeId/jobs/:jobId",
    tag: "Jobs",
    summary: "Show a job with its executions, its dependencies and its dependents",
    access: "read",
    params: jobParams,
    status: 200,
    response: jobDetailsSchema,
  },
  patchJob: {
    method: "patch",
    path: "/offices/:officeId/jobs/:jobId",
    tag: "Jobs",
    summary: "Note the pull request and the branch that belong to a job",
    access: "write",
    params: jobParams,
    body: patchJobSchema,
    status: 200,
    response: jobSchema,
  },
  getJobLogs: {
    method: "get",
    path: "/offices/:officeId/jobs/:jobId/logs",
    tag: "Jobs",
    summary: "Read what a job's session has written, or follow it",
    access: "read",
    params: jobParams,
    query: logsQuery,
    status: 200,
    response: z.string(),
    media: "text/plain",
  },
} as const satisfies Record<string, Route>;

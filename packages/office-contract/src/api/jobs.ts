import { z } from "zod";
import { DURATION_MS_MAX, JOBS_MAX, PRIORITY_MAX, PRIORITY_MIN, TITLE_LENGTH_MAX } from "../limits.ts";
import { planJobSchema, roleNameSchema } from "../plan.ts";
import { ERROR_CLASSES, EXECUTION_STATES, JOB_STATES } from "../vocabulary.ts";
import { storableLine } from "../text.ts";
import { idSchema, jsonObjectSchema, nextCursorSchema, pageQuery, timestampSchema } from "./fields.ts";
import { roleSchema } from "./offices.ts";

const branchName = storableLine(100);
const prNumber = z.int().min(1).max(2_147_483_647);

export const newJobSchema = z
  .strictObject({
    ...planJobSchema.shape,
    depends_on: planJobSchema.shape.depends_on.describe(
      "Keys of jobs in this request, or ids of jobs that the office has already.",
    ),
    agent_id: idSchema.optional().describe("The agent that is to do it, where the office names its agents."),
    worktree_id: idSchema.optional(),
    branch_name: branchName.optional(),
    metadata: jsonObjectSchema.optional(),
  })
  .meta({ id: "NewJob" });

export const submitJobsSchema = z
  .strictObject({
    task: z
      .union([storableLine(TITLE_LENGTH_MAX), z.strictObject({ title: storableLine(TITLE_LENGTH_MAX).optional() })])
      .optional()
      .describe("What the request is about: a title, or an object with one."),
    roles: z
      .record(roleNameSchema, roleSchema)
      .optional()
      .describe("How the roles of this request are run, over what the office says."),
    jobs: z.array(newJobSchema).min(1).max(JOBS_MAX),
  })
  .meta({ id: "SubmitJobs" });

const jobFields = {
  id: idSchema,
  office_id: idSchema,
  task_id: idSchema.nullable(),
  key: z.string().nullable(),
  role: z.string(),
  agent_id: idSchema.nullable(),
  worktree_id: idSchema.nullable(),
  title: z.string(),
  prompt: z.string().nullable().describe("Column `description` of the database."),
  status: z.enum(JOB_STATES),
  runtime: z.enum(["command", "external"]).nullable().describe("Null where the office says, by the job's role."),
  depends_on: z.array(idSchema),
  unmet_count: z.int().describe("How many of the jobs that it depends on are not done."),
  priority: z.int(),
  attempt: z.int().describe("Executions so far."),
  retry_count: z.int(),
  max_retries: z.int().nullable().describe("Null: as the office says."),
  timeout_ms: z.int().nullable().describe("Null: as the office says for its role."),
  run_at: timestampSchema.nullable(),
  created_at: timestampSchema,
  ready_at: timestampSchema.nullable(),
  started_at: timestampSchema.nullable(),
  completed_at: timestampSchema.nullable(),
  cancelled_at: timestampSchema.nullable(),
  error_class: z.enum(ERROR_CLASSES).nullable().catch(null),
  error_message: z.string().nullable(),
  caused_by: idSchema.nullable().describe("The dependency whose bad end cancelled it."),
  result: z.unknown(),
  pr_number: z.int().nullable(),
  branch_name: z.string().nullable(),
  metadata: z.unknown(),
};

export const jobSchema = z.strictObject(jobFields).meta({ id: "Job" });
export type Job = z.infer<typeof jobSchema>;

export const executionSchema = z
  .strictObject({
    id: idSchema,
    attempt: z.int(),
    status: z.enum(EXECUTION_STATES),
    runtime: z.enum(["command", "external"]),
    worker_id: z.string(),
    timeout_ms: z.int(),
    stop_cause: z.enum(["timeout", "cancelled", "interrupted"]).nullable().describe("Why it is being stopped."),
    started_at: timestampSchema,
    ended_at: timestampSchema.nullable(),
    lease_until: timestampSchema.nullable().describe("Of an external session: when its silence counts as a crash."),
    exit_code: z.int().nullable(),
    error_class: z.enum(ERROR_CLASSES).nullable().catch(null),
    error_message: z.string().nullable(),
  })
  .meta({ id: "Execution" });
export type Execution = z.infer<typeof executionSchema>;

const jobReferenceSchema = z
  .strictObject({ id: idSchema, key: z.string().nullable(), title: z.string(), status: z.enum(JOB_STATES) })
  .meta({ id: "JobReference" });

export const jobDetailsSchema = z
  .strictObject({
    ...jobFields,
    executions: z.array(executionSchema),
    dependencies: z.array(jobReferenceSchema).describe("What it waits for."),
    dependents: z.array(jobReferenceSchema).describe("What waits for it."),
  })
  .meta({ id: "JobDetails" });
export type JobDetails = z.infer<typeof jobDetailsSchema>;

export const submittedSchema = z
  .strictObject({
    task_id: idSchema,
    jobs: z.array(jobSchema),
    execution_order: z.array(z.array(idSchema)).describe("The jobs in groups that may run side by side, in order."),
    warnings: z.array(z.string()).describe("What is accepted, and will not work as it is now."),
  })
  .meta({ id: "SubmittedJobs" });
export type Submitted = z.infer<typeof submittedSchema>;

export const jobListSchema = z
  .strictObject({
    jobs: z.array(jobSchema),
    next_cursor: nextCursorSchema.describe(
      "Null on the last page. Where few of many jobs match, a page may hold fewer than `limit`, or none, and not be the last.",
    ),
  })
  .meta({ id: "JobList" });

/** `?status=ready&status=pending` or `?status=ready,pending`. */
const statusFilter = z
  .preprocess(
    (value) => (typeof value === "string" ? value.split(",") : value),
    z.array(z.enum(JOB_STATES)).min(1).optional(),
  )
  .meta({
    description: "States, separated by commas.",
    param: { style: "form", explode: false },
    examples: [["pending", "ready"]],
  });

export const jobListQuery = z.strictObject({
  ...pageQuery,
  status: statusFilter,
  role: roleNameSchema.optional(),
  task_id: idSchema.optional(),
});

export const cancelJobSchema = z.strictObject({ reason: storableLine(500).optional() }).meta({ id: "CancelJob" });

export const cancelAllSchema = z
  .strictObject({
    task_id: idSchema.optional(),
    role: roleNameSchema.optional(),
    status: z.array(z.enum(JOB_STATES)).min(1).optional().describe("Only jobs in these states. Ended ones stay."),
    reason: storableLine(500).optional(),
  })
  .meta({ id: "CancelAll" });

export const cancelledSchema = z
  .strictObject({
    cancelled: z.int().describe("How many jobs were cancelled, dependents included."),
    stopping: z.int().describe("How many of them have a session that is being stopped."),
    job_ids: z.array(idSchema),
  })
  .meta({ id: "CancelledJobs" });

export const retriedSchema = z
  .strictObject({ job: jobSchema, job_ids: z.array(idSchema).describe("Every job that came back.") })
  .meta({ id: "RetriedJobs" });

export const retryQuery = z.strictObject({
  downstream: z.enum(["true", "false"]).default("true").describe("Bring back what its bad end had cancelled, too."),
});

export const prioritySchema = z
  .strictObject({ priority: z.int().min(PRIORITY_MIN).max(PRIORITY_MAX) })
  .meta({ id: "Priority" });

export const timeoutSchema = z
  .strictObject({
    timeout_ms: z.int().min(1).max(DURATION_MS_MAX).describe("Counts from the session's start."),
  })
  .meta({ id: "Timeout" });

export const assigneeSchema = z
  .strictObject({
    role: roleNameSchema.optional(),
    agent_id: idSchema.nullable().optional(),
    requeue: z.boolean().default(false).describe("Stop a running session, and run the job anew for its new assignee."),
  })
  .refine(({ role, agent_id: agent }) => role !== undefined || agent !== undefined, "must have role or agent_id")
  .meta({ id: "Assignee" });

export const patchJobSchema = z
  .strictObject({ pr_number: prNumber.nullable().optional(), branch_name: branchName.nullable().optional() })
  .refine((patch) => Object.keys(patch).length > 0, "must change something")
  .meta({ id: "PatchJob" });

export const logsQuery = z.strictObject({
  attempt: z.coerce.number({ error: "must be a whole number from 1" }).int().min(1).max(2_147_483_647).optional(),
  follow: z.enum(["0", "1", "true", "false"]).default("0").describe("Go on as the session writes, until it ends."),
  tail: z.coerce.number().int().min(0).max(100_000).optional().describe("Begin with the last so many lines."),
});

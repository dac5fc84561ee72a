import { z } from "zod";
import { jobSchedulerConfigPatchSchema } from "./config.ts";
import { DURATION_PATTERN, parseDuration } from "./duration.ts";
import {
  CONCURRENCY_MAX,
  DURATION_MS_MAX,
  EDGES_MAX,
  JOBS_MAX,
  KEY_LENGTH_MAX,
  OFFICE_NAME_LENGTH_MAX,
  PRIORITY_MAX,
  PRIORITY_MIN,
  RETRIES_MAX,
  ROLE_LENGTH_MAX,
  TEXT_LENGTH_MAX,
  TITLE_LENGTH_MAX,
} from "./limits.ts";
import { TEMPLATE_NAMES } from "./session.ts";
import { storableLine, storableText } from "./text.ts";

/** Set by the scheduler in every session's environment, so no plan may set them. */
export const SCHEDULER_ENV_NAMES = [
  "OFFICE_ID",
  "TASK_ID",
  "JOB_ID",
  "JOB_KEY",
  "EXECUTION_ID",
  "ATTEMPT",
  "ROLE",
  "FENCING_TOKEN",
] as const;

const text = storableText(TEXT_LENGTH_MAX);

export const roleNameSchema = storableLine(ROLE_LENGTH_MAX);
const jobKey = storableLine(KEY_LENGTH_MAX);

const PLACEHOLDERS: readonly string[] = TEMPLATE_NAMES.map((name) => `{{${name}}}`);

/** What looks like a placeholder and is none. Other uses of braces, such as `{{.Names}}`, are plain text. */
const unknownPlaceholder = (value: string): string | undefined =>
  value.match(/\{\{\s*[A-Za-z_]\w*\s*\}\}/g)?.find((found) => !PLACEHOLDERS.includes(found));

/** Text whose `{{name}}` placeholders are filled in at the start of each session. */
const template = text.refine((value) => unknownPlaceholder(value) === undefined, {
  error: ({ input }) =>
    `must not contain ${unknownPlaceholder(String(input))}: what is filled in is ${PLACEHOLDERS.join(", ")}`,
});

const command = z
  .array(template)
  .min(1)
  .refine((words) => words[0] !== "", "must start with the name of a program");

const envName = z
  .string()
  .max(KEY_LENGTH_MAX)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be made of letters, digits and _, and not start with a digit")
  .refine((name) => !(SCHEDULER_ENV_NAMES as readonly string[]).includes(name), "is set by the scheduler itself");

const env = z.record(envName, text);

/** A written duration or a number of ms, read as ms. */
const duration = (leastMs: 0 | 1) => {
  const least = leastMs === 1 ? "above 0 " : "";
  const hint = `must be a time ${least}such as 250ms, 90s, 30m, 1h30m or 2d, or a whole number of ms, at most 366 days`;
  const written = z
    .string({ error: hint })
    .regex(DURATION_PATTERN, { error: hint, abort: true })
    .refine((value) => (parseDuration(value) ?? -1) >= leastMs, hint);
  const ms = z.int({ error: hint }).min(leastMs, hint).max(DURATION_MS_MAX, hint);
  return z
    .union([written, ms], { error: hint })
    .transform((value) => (typeof value === "string" ? (parseDuration(value) ?? DURATION_MS_MAX) : value));
};

/** An office's settings as a plan writes them: times may be written out. Read as a JobSchedulerConfigPatch. */
export const planLimitsSchema = jobSchedulerConfigPatchSchema.extend({
  maxConcurrentByRole: z
    .record(roleNameSchema, z.int().min(1).max(CONCURRENCY_MAX))
    .optional()
    .describe("Sessions of a role that may run at the same time. A role that is not named has no limit of its own."),
  defaultTimeout: duration(1)
    .optional()
    .describe("How long a session may run when neither its job nor its role says, such as 30m. Default 30m."),
  timeoutByRole: z
    .record(roleNameSchema, duration(1))
    .optional()
    .describe("How long a session of a role may run, such as 45m."),
  retryBaseDelay: duration(0).optional().describe("Wait before the first retry, such as 90s. Default 60s."),
  retryMaxDelay: duration(0).optional().describe("The longest wait before a retry, such as 2h. Default 1h."),
});

const runtime = z
  .literal("external", { error: 'must be "external", or left out where a program is started' })
  .describe("External: nothing is started here; another service runs the session and reports its end to the API.");
const lease = duration(1).describe(
  "How long an external session may be silent before it counts as crashed, such as 5m. Default 60s.",
);

export const planRoleSchema = z
  .strictObject({
    command: command
      .optional()
      .describe(
        "The program and its arguments, as a list; never a shell line. {{prompt}}, {{title}} and others are filled in.",
      ),
    runtime: runtime.optional(),
    lease: lease.optional(),
    stdin: template
      .optional()
      .describe("What the program reads on standard input, usually {{prompt}}. For jobs that use this role's command."),
    cwd: text
      .min(1)
      .optional()
      .describe("The folder to run in, relative to the plan's folder. Default: the plan's folder."),
    timeout: duration(1).optional().describe("How long a session of this role may run, such as 30m, or in ms."),
    env: env.optional().describe("Environment variables of this role's sessions."),
  })
  .refine((role) => role.command === undefined || role.runtime === undefined, {
    error: "must not have both command and runtime: its sessions are started here, or run elsewhere",
  })
  .meta({ not: { required: ["command", "runtime"] } });

/** Whether a job has one way to run is checked with the whole plan: its role may have the command. */
export const planJobSchema = z
  .strictObject({
    key: jobKey.describe("The job's name, unique in the plan. Others name it in depends_on."),
    role: roleNameSchema.optional().describe("Who does it: PO, PM, Architect, FE, BE, QA, DevOps or any other name."),
    title: storableLine(TITLE_LENGTH_MAX).optional().describe("What it is, in a few words. Default: its key."),
    prompt: text.optional().describe("What the agent is asked to do. Fills {{prompt}} in the command or stdin."),
    run: text.min(1).optional().describe("A shell command to run instead of the role's agent."),
    command: command.optional().describe("The program and its arguments for just this job, instead of the role's."),
    runtime: runtime.optional(),
    lease: lease.optional(),
    depends_on: z
      .array(jobKey)
      .max(EDGES_MAX)
      .optional()
      .describe("Keys of the jobs that must be done before this one."),
    priority: z
      .int()
      .min(PRIORITY_MIN)
      .max(PRIORITY_MAX)
      .optional()
      .describe("Among ready jobs the lower number runs first; negative is urgent. Default 0."),
    timeout: duration(1).optional().describe("How long one session of the job may run, such as 45m, or in ms."),
    retries: z
      .int()
      .min(0)
      .max(RETRIES_MAX)
      .optional()
      .describe("Retries after a first failure. Default: the office's."),
    env: env.optional().describe("Environment variables of this job's sessions, over its role's."),
    cwd: text.min(1).optional().describe("The folder to run in, relative to the plan's folder. Default: its role's."),
  })
  .meta({
    not: {
      anyOf: [{ required: ["run", "command"] }, { required: ["run", "runtime"] }, { required: ["command", "runtime"] }],
    },
  });

/** A plan file, as written. How it is checked as a whole is in office-server's `domain/plan.ts`. */
export const planSchema = z.strictObject({
  office: storableLine(OFFICE_NAME_LENGTH_MAX)
    .optional()
    .describe("The office that does it, by name; created when missing."),
  title: storableLine(TITLE_LENGTH_MAX).optional().describe("What the plan is about, in a few words."),
  limits: planLimitsSchema.optional().describe("Settings of the office that this plan changes."),
  roles: z.record(roleNameSchema, planRoleSchema).optional().describe("How each role's sessions are started."),
  jobs: z.array(planJobSchema).min(1).max(JOBS_MAX).describe("The units of work."),
});

export type PlanRole = z.output<typeof planRoleSchema>;
export type PlanDocument = z.output<typeof planSchema>;

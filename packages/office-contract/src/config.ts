import { z } from "zod";
import { CONCURRENCY_MAX, DURATION_MS_MAX, RETRIES_MAX, ROLE_LENGTH_MAX } from "./limits.ts";
import { storableLine } from "./text.ts";

const minute = 60_000;

const durationMs = z.int().min(1).max(DURATION_MS_MAX);
const roleName = storableLine(ROLE_LENGTH_MAX);

/** The scheduler's settings of one office. All times are in milliseconds. */
export const jobSchedulerConfigSchema = z.strictObject({
  maxConcurrentJobs: z
    .int()
    .min(1)
    .max(CONCURRENCY_MAX)
    .describe("Sessions that may run at the same time in the office. Default 3."),
  maxConcurrentByRole: z
    .record(roleName, z.int().min(1).max(CONCURRENCY_MAX))
    .describe("Sessions of a role that may run at the same time. A role that is not named has no limit of its own."),
  defaultTimeout: durationMs.describe(
    "How long a session may run, in ms, when neither job nor role says. Default 30 minutes.",
  ),
  timeoutByRole: z.record(roleName, durationMs).describe("How long a session of a role may run, in ms."),
  maxRetries: z.int().min(0).max(RETRIES_MAX).describe("Retries after a first failure. Default 2."),
  retryBackoff: z
    .enum(["exponential", "linear"])
    .describe("How the wait grows from retry to retry. Default exponential."),
  retryBaseDelay: z.int().min(0).max(DURATION_MS_MAX).describe("Wait before the first retry, in ms. Default 60 s."),
  retryMaxDelay: z.int().min(0).max(DURATION_MS_MAX).describe("The longest wait before a retry, in ms. Default 1 h."),
  retryJitter: z.boolean().describe("Spread each wait at random between its half and its whole. Default false."),
  onDependencyFailure: z
    .enum(["cancel", "block"])
    .describe("What happens to the jobs that depend on one that failed: cancelled, or left waiting. Default cancel."),
});

export type JobSchedulerConfig = z.infer<typeof jobSchedulerConfigSchema>;

/** Any subset of the settings: what a plan's `limits` and a PATCH carry, and what the database stores. */
export const jobSchedulerConfigPatchSchema = jobSchedulerConfigSchema.partial();
export type JobSchedulerConfigPatch = z.infer<typeof jobSchedulerConfigPatchSchema>;

export const DEFAULT_CONFIG: Readonly<JobSchedulerConfig> = Object.freeze({
  maxConcurrentJobs: 3,
  maxConcurrentByRole: {},
  defaultTimeout: 30 * minute,
  timeoutByRole: {
    PO: 15 * minute,
    Architect: 20 * minute,
    FE: 30 * minute,
    BE: 30 * minute,
    QA: 45 * minute,
    DevOps: 20 * minute,
  },
  maxRetries: 2,
  retryBackoff: "exponential",
  retryBaseDelay: minute,
  retryMaxDelay: 60 * minute,
  retryJitter: false,
  onDependencyFailure: "cancel",
});

/** The settings in force: what is given laid over the defaults. Role timeouts are merged role by role. */
export const effectiveConfig = (given: JobSchedulerConfigPatch): JobSchedulerConfig => {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...DEFAULT_CONFIG, ...set, timeoutByRole: { ...DEFAULT_CONFIG.timeoutByRole, ...given.timeoutByRole } };
};

/** How long a session of `role` may run, in ms, when its job does not say. */
export const timeoutForRole = (config: JobSchedulerConfig, role: string): number =>
  Object.hasOwn(config.timeoutByRole, role)
    ? (config.timeoutByRole[role] ?? config.defaultTimeout)
    : config.defaultTimeout;

import { z } from "zod";
import { ERROR_CLASSES } from "../vocabulary.ts";
import { storableText } from "../text.ts";
import { idSchema, timestampSchema } from "./fields.ts";

const RESULT_LENGTH_MAX = 1_000_000;

/** Classes that another service may report: the others are the scheduler's own. */
const REPORTED_CLASSES = ERROR_CLASSES.filter((name) => !["TIMEOUT", "DEPENDENCY_FAILED", "CANCELLED"].includes(name));

export const completeSchema = z
  .strictObject({
    success: z.boolean(),
    error: z
      .strictObject({ class: z.enum(REPORTED_CLASSES), message: storableText(10_000) })
      .optional()
      .describe("Why it did not succeed. Default: SESSION_CRASH."),
    result: z
      .unknown()
      .refine((value) => (JSON.stringify(value)?.length ?? 0) <= RESULT_LENGTH_MAX, "must not be larger than 1 MB")
      .optional(),
    output: storableText(RESULT_LENGTH_MAX).optional().describe("What the session wrote, for its log."),
  })
  .refine(({ success, error }) => !(success && error !== undefined), {
    path: ["error"],
    error: "must be left out where success is true",
  })
  .meta({ id: "Complete" });

export const completedSchema = z
  .strictObject({ execution_id: idSchema, job_id: idSchema, status: z.string().describe("The job's state now.") })
  .meta({ id: "Completed" });

export const heartbeatSchema = z
  .strictObject({
    output: storableText(RESULT_LENGTH_MAX).optional().describe("What the session wrote since, for its log."),
  })
  .meta({ id: "Heartbeat" });

export const heartbeatAnswerSchema = z
  .strictObject({
    lease_until: timestampSchema.describe("Silence until then counts as a crash."),
    stop: z
      .enum(["timeout", "cancelled", "interrupted"])
      .nullable()
      .describe("Why the session must stop; then its end is to be reported. Null: go on."),
  })
  .meta({ id: "HeartbeatAnswer" });

export const executionTokenSchema = z
  .strictObject({
    execution_id: idSchema,
    execution_token: z
      .string()
      .describe("For /complete and /heartbeat of this execution alone. Shown here and not again."),
  })
  .meta({ id: "ExecutionToken" });

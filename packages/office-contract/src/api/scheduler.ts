import { z } from "zod";
import { jobSchedulerConfigPatchSchema, jobSchedulerConfigSchema } from "../config.ts";
import { idSchema } from "./fields.ts";

export const configSchema = jobSchedulerConfigSchema.meta({ id: "JobSchedulerConfig" });

export const patchConfigSchema = jobSchedulerConfigPatchSchema
  .refine((patch) => Object.keys(patch).length > 0, "must change something")
  .meta({ id: "JobSchedulerConfigPatch" });

const count = z.int().min(0);

export const statsSchema = z
  .strictObject({
    office_id: idSchema,
    pending: count,
    ready: count,
    processing: count,
    done: count,
    failed: count,
    timeout: count,
    cancelled: count,
    total: count,
    avg_completion_time: z.number().nullable().describe("Of sessions that ended well, in ms; null before the first."),
    running_sessions: count.describe("Sessions that hold a slot, those that are being stopped included."),
    available_slots: count,
    running_by_role: z.record(z.string(), count),
    oldest_ready_ms: z.int().nullable().describe("How long the job that is ready longest has been so, in ms."),
    workers: count.describe("Scheduler workers that are alive, over all offices."),
  })
  .meta({ id: "JobQueueStats" });
export type JobQueueStats = z.infer<typeof statsSchema>;

export const processedSchema = z
  .strictObject({
    activated: count.describe("Jobs that became ready."),
    started: count.describe("Executions that were started."),
  })
  .meta({ id: "Processed" });

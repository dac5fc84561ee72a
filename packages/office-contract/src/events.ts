import { z } from "zod";
import { EVENT_TYPES } from "./vocabulary.ts";

/**
 * One line of an office's event log, as stored, streamed and printed. `seq` has no gaps within an office.
 * Its ids are whatever PostgreSQL takes for a uuid: those of an execution, and of a job of another program, follow no version.
 */
export const jobEventSchema = z.strictObject({
  seq: z.int().min(1),
  type: z.enum(EVENT_TYPES),
  office_id: z.guid(),
  task_id: z.guid().nullable(),
  job_id: z.guid(),
  job_key: z.string().nullable(),
  role: z.string(),
  execution_id: z.guid().nullable(),
  attempt: z.int().nullable(),
  /** ISO 8601 with milliseconds, from the database's clock. */
  timestamp: z.iso.datetime(),
  details: z.record(z.string(), z.unknown()),
});
export type JobEvent = z.infer<typeof jobEventSchema>;

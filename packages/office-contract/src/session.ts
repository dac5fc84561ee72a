import { z } from "zod";

const text = z.string();

/**
 * How a job's program is started, as stored with the job. Exactly one of `command` (arguments, never joined
 * into a shell line) and `run` (one shell line) is set. `{{name}}` placeholders in `command` and `stdin` are
 * filled in at the start of each session.
 */
export const sessionSpecSchema = z
  .strictObject({
    command: z.array(text).min(1).optional(),
    run: text.min(1).optional(),
    stdin: text.optional(),
    /** Absolute. */
    cwd: text,
    env: z.record(z.string(), text),
  })
  .refine(({ command, run }) => (command === undefined) !== (run === undefined), "must have either command or run");
export type SessionSpec = z.infer<typeof sessionSpecSchema>;

/** The names that `{{name}}` may use. */
export const TEMPLATE_NAMES = [
  "prompt",
  "title",
  "key",
  "role",
  "office_id",
  "task_id",
  "job_id",
  "execution_id",
  "attempt",
  "fencing_token",
] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

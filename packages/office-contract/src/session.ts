import { z } from "zod";
import { DURATION_MS_MAX } from "./limits.ts";

const text = z.string({ error: "must be a text" });

/** How long a session that runs elsewhere may be silent when its job does not say, in ms. */
export const EXTERNAL_LEASE_MS_DEFAULT = 60_000;

/**
 * How a job's session comes about, as stored with the job. Exactly one of `command` (arguments, never joined into a shell
 * line), `run` (one shell line) and `runtime` is set. `{{name}}` placeholders in `command` and `stdin` are filled in at the
 * start of each session.
 */
export const sessionSpecSchema = z
  .strictObject({
    command: z.array(text, { error: "must be a list of texts" }).min(1, { error: "must not be empty" }).optional(),
    run: text.min(1, { error: "must not be empty" }).optional(),
    /** "external": nothing is started here; another service runs the session and reports its end. */
    runtime: z.literal("external", { error: 'must be "external"' }).optional(),
    /** How long a session that runs elsewhere may be silent before it is taken for dead, in ms. */
    lease_ms: z.int().min(1).max(DURATION_MS_MAX).optional(),
    stdin: text.optional(),
    /** Absolute. */
    cwd: text,
    env: z.record(z.string(), text, { error: "must be an object of texts" }),
  })
  .refine(
    ({ command, run, runtime }) => [command, run, runtime].filter((way) => way !== undefined).length === 1,
    "must have exactly one of command, run and runtime",
  );
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

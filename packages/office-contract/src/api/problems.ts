import { z } from "zod";

/**
 * Everything that the API refuses, and why: the only list of it. `docs/errors.md` is generated from it.
 * A problem's `type` is `urn:office:problem:` and its code.
 */
export const PROBLEMS = {
  malformed_json: { status: 400, title: "The body is not valid JSON." },
  invalid_request: { status: 400, title: "The request has fields that are wrong, missing or unknown." },
  unauthorized: { status: 401, title: "A valid key is needed." },
  forbidden: { status: 403, title: "This key may not do that." },
  shell_not_allowed: { status: 403, title: "Shell commands may not be submitted here." },
  host_not_allowed: { status: 403, title: "The Host or Origin of the request is not this API's." },
  not_found: { status: 404, title: "There is no such thing." },
  method_not_allowed: { status: 405, title: "This address does not take this method." },
  job_is_final: { status: 409, title: "The job has ended." },
  job_not_final: { status: 409, title: "The job has not ended." },
  dependency_failed: { status: 409, title: "A job that it depends on ended badly." },
  job_is_running: { status: 409, title: "The job is running." },
  office_is_busy: { status: 409, title: "The office has sessions that are running." },
  office_is_archived: { status: 409, title: "The office is archived." },
  execution_is_over: { status: 409, title: "The execution has ended; nothing was changed." },
  not_external: { status: 409, title: "The execution's session is run by the scheduler itself." },
  conflict: { status: 409, title: "Something else got in between; nothing was changed." },
  events_expired: { status: 410, title: "The events after that place are no longer kept." },
  too_large: { status: 413, title: "The body is too large." },
  unsupported_media_type: { status: 415, title: "The body must be JSON." },
  invalid_graph: { status: 422, title: "The jobs do not form a graph that can be run." },
  idempotency_key_reused: { status: 422, title: "The Idempotency-Key was used for another request." },
  too_many_requests: { status: 429, title: "Too many requests." },
  internal_error: { status: 500, title: "Something unexpected happened." },
  database_unavailable: { status: 503, title: "The database cannot be reached at the moment." },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;
export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[];

export const PROBLEM_TYPE_PREFIX = "urn:office:problem:";
export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** What is wrong with one field of a request. */
export const fieldErrorSchema = z.strictObject({
  /** Where: `body`, `query`, `path` or `header`, and the field in it, as in `body.jobs[2].timeout`. */
  field: z.string(),
  /** What is wrong, and what would be right. */
  message: z.string(),
});
export type FieldError = z.infer<typeof fieldErrorSchema>;

/** An RFC 9457 problem document. */
export const problemSchema = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(PROBLEM_CODES),
    errors: z.array(fieldErrorSchema).optional(),
    /** Of `invalid_graph`: the keys of a cycle in order, the first one repeated at the end. */
    cycle: z.array(z.string()).optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof problemSchema>;

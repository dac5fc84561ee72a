import { z } from "zod";
import { idSchema } from "../fields.ts";
import type { ProblemCode } from "../problems.ts";

/**
 * Who may use a route. `read`, `write`: a key of that office, or of all. `office-read`, `office-write`: the same, for what
 * is about no single office. `admin`: a key of all offices that may write. `execution`: the execution's own token.
 */
export type Access = "read" | "write" | "office-read" | "office-write" | "admin" | "execution";

export type Method = "get" | "post" | "patch" | "delete";

/** A route of the API. */
export interface Route {
  method: Method;
  /** Under `/api`. `:name` is a parameter. */
  path: string;
  tag: "Offices" | "Jobs" | "Scheduler" | "Executions" | "Events" | "Keys" | "Webhooks";
  summary: string;
  access: Access;
  params?: z.ZodObject;
  query?: z.ZodObject;
  headers?: z.ZodObject;
  body?: z.ZodType;
  /** Whether a request may come without a body; then it counts as `{}`. */
  bodyOptional?: boolean;
  /** The status of success, and what comes with it: a JSON body, or text, or a stream of events; null: nothing. */
  status: 200 | 201 | 204;
  response: z.ZodType | null;
  media?: "application/json" | "text/plain" | "text/event-stream";
  /** Beyond what any route may answer: see COMMON_PROBLEMS. */
  problems?: readonly ProblemCode[];
}

export const officeParams = z.strictObject({ officeId: idSchema });
export const jobParams = z.strictObject({ officeId: idSchema, jobId: idSchema });

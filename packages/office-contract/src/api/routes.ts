import type { ProblemCode } from "./problems.ts";
import { accessRoutes } from "./routes/access.ts";
import { executionRoutes } from "./routes/executions.ts";
import { jobControlRoutes } from "./routes/jobControls.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { officeRoutes } from "./routes/offices.ts";
import { schedulerRoutes } from "./routes/scheduler.ts";
import type { Route } from "./routes/route.ts";

export type { Access, Method, Route } from "./routes/route.ts";

/** Every route of the API: what the server checks, the client is typed by, and the OpenAPI document is made from. */
export const ROUTES = {
  ...officeRoutes,
  ...jobRoutes,
  ...jobControlRoutes,
  ...schedulerRoutes,
  ...executionRoutes,
  ...accessRoutes,
} as const satisfies Record<string, Route>;

export type Routes = typeof ROUTES;
export type RouteName = keyof Routes;

/** What any route may answer. Those with an address of their own also answer `not_found`, those with a body `too_large`. */
export const COMMON_PROBLEMS = [
  "invalid_request",
  "unauthorized",
  "forbidden",
  "host_not_allowed",
  "not_found",
  "too_many_requests",
  "internal_error",
  "database_unavailable",
] as const satisfies readonly ProblemCode[];

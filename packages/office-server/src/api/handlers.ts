import type { RouteName } from "office-contract/api/routes.ts";
import { eventHandlers } from "./events/events.ts";
import { webhookHandlers } from "./events/webhooks.ts";
import { executionHandlers } from "./executions/executions.ts";
import type { Handlers } from "./handler.ts";
import { jobHandlers } from "./jobs/jobs.ts";
import { keyHandlers } from "./keys/keys.ts";
import { officeHandlers } from "./offices/offices.ts";
import { schedulerHandlers } from "./scheduler/scheduler.ts";

/** What carries out each route. */
export const createHandlers = (onRevoked: () => void): Handlers<RouteName> => ({
  ...officeHandlers,
  ...schedulerHandlers,
  ...jobHandlers,
  ...executionHandlers,
  ...eventHandlers,
  ...webhookHandlers,
  ...keyHandlers(onRevoked),
});

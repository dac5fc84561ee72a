import { z } from "zod";
import { jobEventSchema } from "../../events.ts";
import { configSchema, patchConfigSchema, processedSchema, statsSchema } from "../scheduler.ts";
import { officeParams, type Route } from "./route.ts";

const seq = z.coerce.number({ error: "must be a whole number from 0" }).int().min(0).max(Number.MAX_SAFE_INTEGER);

const eventsQuery = z.strictObject({
  after: seq
    .optional()
    .describe(
      "The `seq` of the last event that is not wanted. Default: only what comes from now on. Where events after it are no longer kept, or where it is past the newest one (a log that was restored from a backup, say), the answer is 410: read the jobs anew, and follow from now on.",
    ),
});

const lastEventId = z.object({
  "last-event-id": seq
    .optional()
    .describe("As `after`, and before it; what a client sends by itself when it connects again."),
});

export const schedulerRoutes = {
  getStats: {
    method: "get",
    path: "/offices/:officeId/scheduler/stats",
    tag: "Scheduler",
    summary: "Count an office's jobs by state, and more",
    access: "read",
    params: officeParams,
    status: 200,
    response: statsSchema,
  },
  getConfig: {
    method: "get",
    path: "/offices/:officeId/scheduler/config",
    tag: "Scheduler",
    summary: "Show an office's settings; times in ms",
    access: "read",
    params: officeParams,
    status: 200,
    response: configSchema,
  },
  patchConfig: {
    method: "patch",
    path: "/offices/:officeId/scheduler/config",
    tag: "Scheduler",
    summary: "Change some of an office's settings",
    access: "write",
    params: officeParams,
    body: patchConfigSchema,
    status: 200,
    response: configSchema,
  },
  processOffice: {
    method: "post",
    path: "/offices/:officeId/scheduler/process",
    tag: "Scheduler",
    summary: "Run one scheduling pass now",
    access: "write",
    params: officeParams,
    body: z.strictObject({}),
    bodyOptional: true,
    status: 200,
    response: processedSchema,
  },
  streamEvents: {
    method: "get",
    path: "/offices/:officeId/events",
    tag: "Events",
    summary: "Follow an office's events (SSE): id is the seq, event the type, data the event as JSON",
    access: "read",
    params: officeParams,
    query: eventsQuery,
    headers: lastEventId,
    status: 200,
    response: jobEventSchema.meta({ id: "JobEvent" }),
    media: "text/event-stream",
    problems: ["events_expired"],
  },
} as const satisfies Record<string, Route>;

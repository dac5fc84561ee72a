import type { RequestHandler } from "express";
import { Histogram, type Registry } from "prom-client";

export interface ApiMetrics {
  register: Registry;
  requests: Histogram<"method" | "route" | "status">;
}

/** What the API says of itself, added to a registry. */
export const createApiMetrics = (register: Registry): ApiMetrics => ({
  register,
  requests: new Histogram({
    name: "office_http_request_duration_seconds",
    help: "How long requests to the API took, streams not counted.",
    labelNames: ["method", "route", "status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [register],
  }),
});

/** Measures each request under its route's pattern: an address of its own for each job would be a series of its own. */
export const measureRequests =
  ({ requests }: ApiMetrics): RequestHandler =>
  (request, response, next) => {
    const end = requests.startTimer();
    response.once("finish", () => {
      const path = (request.route as { path?: string } | undefined)?.path;
      if (String(response.getHeader("content-type")).startsWith("text/event-stream")) return;
      end({ method: request.method, route: path ?? "none", status: String(response.statusCode) });
    });
    next();
  };

import type { Express, Request, Response } from "express";
import express from "express";
import helmet from "helmet";
import { type Method, type Route, type RouteName, ROUTES } from "office-contract/api/routes.ts";
import { pinoHttp } from "pino-http";
import { newId } from "../platform/ids.ts";
import { Authentication } from "./authentication.ts";
import { docsRouter } from "./docs.ts";
import type { ApiContext, Handler } from "./handler.ts";
import { createHandlers } from "./handlers.ts";
import { healthRouter } from "./health.ts";
import { checkHost } from "./hosts.ts";
import { type ApiMetrics, measureRequests } from "./metrics.ts";
import { asProblem, problemOf, sendProblem } from "./problems.ts";
import { limitFailures, limitPerKey } from "./rateLimits.ts";
import { routeHandler } from "./route.ts";

export interface AppOptions {
  /** Whether answers are held against what their routes say of them. For tests. */
  checkAnswers?: boolean;
  metrics: ApiMetrics;
}

/** The API as an Express app: every route of the table, and what has an address of its own. */
export function createApp(context: ApiContext, options: AppOptions): Express {
  const { config, log, database } = context;
  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.set("etag", false);
  app.use(
    pinoHttp({
      logger: log,
      genReqId: (_request, response) => {
        const id = newId();
        response.setHeader("X-Request-Id", id);
        return id;
      },
      customLogLevel: (_request, response, error) =>
        error !== undefined || response.statusCode >= 500 ? "error" : response.statusCode >= 400 ? "info" : "debug",
      serializers: {
        req: ({ id, method, url }: { id: string; method: string; url: string }) => ({ id, method, url }),
        res: ({ statusCode }: { statusCode: number }) => ({ status: statusCode }),
      },
    }),
    helmet(),
    measureRequests(options.metrics),
  );
  app.use(healthRouter(database, options.metrics.register));
  app.use(checkHost(config));
  const docs = docsRouter();
  app.use(docs);
  app.use("/api", docs);
  app.use("/api", (_request, response, next) => {
    response.set("Cache-Control", "no-store");
    next();
  });
  mountRoutes(app, context, options);
  app.use((request, response) => {
    sendProblem(response, problemOf("not_found", `there is nothing at ${request.path.slice(0, 200)}`));
  });
  // Express knows a handler of errors by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: () => void) => {
    sendProblem(response, asProblem(error, request));
  });
  return app;
}

function mountRoutes(app: Express, context: ApiContext, options: AppOptions): void {
  const authentication = new Authentication(context.database);
  const handlers = createHandlers(() => authentication.forgetAll());
  const routeOptions = {
    authentication,
    limitPerKey: limitPerKey(context.config.rateLimitPerMinute),
    limitFailures: limitFailures(),
    checkAnswers: options.checkAnswers ?? false,
  };
  const byPath = Map.groupBy(Object.entries(ROUTES) as [RouteName, Route][], ([, { path }]) => path);
  // `cancel-all` must not be taken for a job.
  const paths = [...byPath].toSorted(([a], [b]) => parameters(a) - parameters(b));
  for (const [path, routes] of paths) {
    const address = app.route(`/api${path}`);
    for (const [name, { method }] of routes) {
      address[method](routeHandler(name, handlers[name] as Handler<RouteName>, context, routeOptions));
    }
    address.all(refuseMethod(routes.map(([, { method }]) => method)));
  }
}

const parameters = (path: string): number => path.split(":").length;

function refuseMethod(methods: readonly Method[]) {
  const known = methods.flatMap((method) => (method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()]));
  const allow = known.join(", ");
  return (request: Request, response: Response): void => {
    response.set("Allow", allow);
    if (request.method === "OPTIONS") response.status(204).end();
    else
      sendProblem(
        response,
        problemOf("method_not_allowed", `${request.method} is not taken here; what is taken: ${allow}`),
      );
  };
}

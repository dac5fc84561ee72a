import type { Request, RequestHandler, Response } from "express";
import express from "express";
import type { Route, RouteName } from "office-contract/api/routes.ts";
import { ROUTES } from "office-contract/api/routes.ts";
import { officeExists } from "../db/queries/offices.ts";
import { Refusal } from "../domain/refusal.ts";
import { verifyExecutionToken } from "../services/executions/tokens.ts";
import { type Authentication, bearerToken } from "./authentication.ts";
import type { ApiContext, Call, Caller, Handler } from "./handler.ts";
import { asProblem, sendProblem } from "./problems.ts";
import { validate } from "./validation.ts";

const MEBIBYTE = 1024 * 1024;
const BODY_BYTES_MAX = MEBIBYTE;
/** Of a request with many jobs, and of one with a session's output. */
const LARGE_BODY_BYTES_MAX: Partial<Record<RouteName, number>> = {
  submitJobs: 32 * MEBIBYTE,
  completeExecution: 4 * MEBIBYTE,
  heartbeatExecution: 4 * MEBIBYTE,
};

export interface RouteOptions {
  authentication: Authentication;
  limitPerKey: RequestHandler;
  limitFailures: RequestHandler;
  /** Whether answers are held against their schema, and one that does not fit is an error. For tests: it takes time. */
  checkAnswers: boolean;
}

type AnyCall = Call<RouteName>;

/** Makes what Express calls for a route: who it is, whether they may, what they ask, the handler, its answer. */
export function routeHandler(
  name: RouteName,
  handler: Handler<RouteName>,
  context: ApiContext,
  options: RouteOptions,
): RequestHandler {
  const route: Route = ROUTES[name];
  const parseBody = express.json({ limit: LARGE_BODY_BYTES_MAX[name] ?? BODY_BYTES_MAX, strict: false });
  const serve = async (request: Request, response: Response): Promise<void> => {
    const caller = await identify(route, request, response, context, options);
    const params = route.params === undefined ? undefined : validate(route.params, request.params, "path");
    if (caller !== null) await authorise(route, caller, params, context);
    const call = {
      params,
      query: route.query === undefined ? undefined : validate(route.query, request.query, "query"),
      headers: route.headers === undefined ? undefined : validate(route.headers, request.headers, "header"),
      body: await readBody(route, request, response, parseBody),
      caller,
      request,
      response,
    };
    const answer = await handler(context, call as AnyCall);
    if (!response.writableEnded && !response.headersSent) send(route, response, answer, options);
  };
  return (request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (error !== ANSWERED) sendProblem(response, asProblem(error, context.log));
    });
  };
}

/** A middleware has answered in our place. */
const ANSWERED = new Error("answered");

async function identify(
  route: Route,
  request: Request,
  response: Response,
  { database }: ApiContext,
  { authentication, limitPerKey, limitFailures }: RouteOptions,
): Promise<Caller | null> {
  try {
    if (route.access === "execution") {
      const executionId = String(request.params["executionId"]);
      const token = bearerToken(request);
      if (!(await verifyExecutionToken(database, executionId, token))) {
        throw new Refusal("unauthorized", "the token is not that of this execution");
      }
      return null;
    }
    const caller = await authentication.callerOf(request);
    response.locals["keyId"] = caller.keyId;
    await through(limitPerKey, request, response);
    return caller;
  } catch (error) {
    if (error instanceof Refusal && error.code === "unauthorized") await through(limitFailures, request, response);
    throw error;
  }
}

/** What a key does not open does not exist for it. What it opens must exist. */
async function authorise(route: Route, caller: Caller, params: unknown, { database }: ApiContext): Promise<void> {
  const { officeId } = (params ?? {}) as { officeId?: string };
  if (officeId !== undefined) {
    const opens = caller.officeId === null || caller.officeId === officeId.toLowerCase();
    if (!opens || !(await officeExists(database, officeId))) {
      throw new Refusal("not_found", `there is no office ${officeId}`);
    }
  }
  if (route.access === "admin" && (caller.officeId !== null || caller.access !== "write")) {
    throw new Refusal("forbidden", "this takes a key of all offices that may write");
  }
  if (route.access.endsWith("write") && caller.access !== "write") {
    throw new Refusal("forbidden", "this key may only read");
  }
}

async function readBody(
  route: Route,
  request: Request,
  response: Response,
  parseBody: RequestHandler,
): Promise<unknown> {
  if (route.body === undefined) return undefined;
  const { headers } = request;
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (!hasBody && route.bodyOptional === true) return validate(route.body, {}, "body");
  if (hasBody && !request.is("application/json")) {
    throw new Refusal("unsupported_media_type", "the header Content-Type must be application/json");
  }
  await through(parseBody, request, response);
  return validate(route.body, request.body, "body");
}

/** Lets a middleware do its part. Throws what it says is wrong, and ANSWERED when it has answered itself. */
function through(middleware: RequestHandler, request: Request, response: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    const onEnd = (): void => reject(ANSWERED);
    response.once("finish", onEnd);
    response.once("close", onEnd);
    const next = (error?: unknown): void => {
      response.off("finish", onEnd);
      response.off("close", onEnd);
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error("the request could not be read"));
    };
    void middleware(request, response, next);
  });
}

function send(route: Route, response: Response, answer: unknown, { checkAnswers }: RouteOptions): void {
  if (checkAnswers && route.response !== null && route.media === undefined) route.response.parse(answer);
  response.status(route.status);
  if (route.response === null) response.end();
  else response.json(answer);
}

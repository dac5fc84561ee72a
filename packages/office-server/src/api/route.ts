import { isUtf8 } from "node:buffer";
import type { Request, RequestHandler, Response } from "express";
import express from "express";
import type { Route, RouteName } from "office-contract/api/routes.ts";
import { ROUTES } from "office-contract/api/routes.ts";
import { z } from "zod";
import { officeExists } from "../db/queries/offices.ts";
import { Refusal } from "../domain/refusal.ts";
import { verifyExecutionToken } from "../services/executions/tokens.ts";
import { type Authentication, bearerToken } from "./authentication.ts";
import type { ApiContext, Call, Caller, Handler } from "./handler.ts";
import { problemsOf } from "./openapi.ts";
import { asProblem, sendProblem } from "./problems.ts";
import { checkSubmissionSize } from "./submissionSize.ts";
import { validate } from "./validation.ts";

const MEBIBYTE = 1024 * 1024;
const BODY_BYTES_MAX = MEBIBYTE;
/** Of a request with many jobs, and of one with a session's output. */
const LARGE_BODY_BYTES_MAX: Partial<Record<RouteName, number>> = {
  submitJobs: 32 * MEBIBYTE,
  completeExecution: 4 * MEBIBYTE,
  heartbeatExecution: 4 * MEBIBYTE,
};
/** The body of a route that takes none: what is said there would be ignored, and is refused instead. */
const NOTHING = z.strictObject({});

export interface RouteOptions {
  authentication: Authentication;
  limitPerKey: RequestHandler;
  limitFailures: RequestHandler;
  /** Whether answers are held against what the route says of them, and one that does not fit is an error. For tests. */
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
  const limit = LARGE_BODY_BYTES_MAX[name] ?? BODY_BYTES_MAX;
  const parseBody = express.json({ limit, strict: false, verify: checkBytes });
  const serve = async (request: Request, response: Response): Promise<void> => {
    const { caller, params } = await admit(route, request, response, context, options);
    const query = validate(route.query ?? NOTHING, request.query, "query");
    const headers = route.headers === undefined ? undefined : validate(route.headers, request.headers, "header");
    const rawBody = await readBody(request, response, parseBody, route);
    if (name === "submitJobs") checkSubmissionSize(rawBody);
    const body = validate(route.body ?? NOTHING, rawBody, "body");
    if (route.media !== undefined && caller !== null) options.authentication.watch(request, response);
    const answer = await handler(context, { params, query, headers, body, caller, request, response } as AnyCall);
    if (!response.writableEnded && !response.headersSent) send(route, response, answer, options);
  };
  return (request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (error === ANSWERED) return;
      sendProblem(response, asProblem(options.checkAnswers ? checked(error, name) : error, request));
    });
  };
}

/** A middleware has answered in our place. */
const ANSWERED = new Error("answered");

interface Admission {
  caller: Caller | null;
  params: unknown;
}

/** @throws Refusal when the request has no key or token, or one that does not open what it names */
async function admit(
  route: Route,
  request: Request,
  response: Response,
  context: ApiContext,
  { authentication, limitPerKey, limitFailures }: RouteOptions,
): Promise<Admission> {
  const readParams = () => validate(route.params ?? NOTHING, request.params, "path");
  try {
    if (route.access === "execution") {
      const token = bearerToken(request);
      const params = readParams();
      const { executionId } = params as { executionId: string };
      if (!(await verifyExecutionToken(context.database, executionId, token))) {
        throw new Refusal("unauthorized", "the token is not that of this execution");
      }
      response.locals["keyId"] = executionId;
      await through(limitPerKey, request, response);
      return { caller: null, params };
    }
    const caller = await authentication.callerOf(request);
    response.locals["keyId"] = caller.keyId;
    await through(limitPerKey, request, response);
    const params = readParams();
    await authorise(route, caller, params, context);
    return { caller, params };
  } catch (error) {
    if (error instanceof Refusal && error.code === "unauthorized") await through(limitFailures, request, response);
    throw error;
  }
}

/** What a key does not open does not exist for it. What it opens must exist. */
async function authorise(route: Route, caller: Caller, params: unknown, { database }: ApiContext): Promise<void> {
  const { officeId } = params as { officeId?: string };
  if (officeId !== undefined) {
    const opens = caller.officeId === null || caller.officeId === officeId;
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

const JSON_TYPE = /^application\/json\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?;?\s*$/i;

/** What is no UTF-8 would be stored as something else than was sent; and what has this name would not be stored at all. */
function checkBytes(_request: unknown, _response: unknown, body: Buffer): void {
  if (!isUtf8(body)) throw new Refusal("malformed_json", "the body is not in UTF-8");
  if (body.includes('"__proto__"') && hasName(body.toString(), "__proto__")) {
    const message = "__proto__ cannot be a name";
    throw new Refusal("invalid_request", `body: ${message}`, { errors: [{ field: "body", message }] });
  }
}

function hasName(json: string, name: string): boolean {
  let found = false;
  try {
    JSON.parse(json, (key: string, value: unknown) => {
      found ||= key === name;
      return value;
    });
  } catch {
    // It is refused for that.
  }
  return found;
}

async function readBody(
  request: Request,
  response: Response,
  parseBody: RequestHandler,
  { body, bodyOptional = false }: Route,
): Promise<unknown> {
  const { headers } = request;
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (!hasBody) {
    if (body === undefined || bodyOptional) return {};
    throw new Refusal("invalid_request", "the body is missing", {
      errors: [{ field: "body", message: "is missing: it must be a JSON object" }],
    });
  }
  if (!JSON_TYPE.test(headers["content-type"] ?? "")) {
    throw new Refusal("unsupported_media_type", "the header Content-Type must be application/json, in UTF-8");
  }
  await through(parseBody, request, response);
  return request.body;
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
      else reject(error instanceof Error ? error : new Error("a middleware has failed", { cause: error }));
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

/** A refusal that the route does not declare is a defect. */
function checked(error: unknown, name: RouteName): unknown {
  if (!(error instanceof Refusal) || problemsOf(ROUTES[name]).includes(error.code)) return error;
  return new Error(`route ${name} does not say that it may answer ${error.code}: ${error.message}`);
}

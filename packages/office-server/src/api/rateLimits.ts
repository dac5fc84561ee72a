import type { Request, RequestHandler } from "express";
import { ipKeyGenerator, rateLimit } from "express-rate-limit";
import { problemOf, sendProblem } from "./problems.ts";

const WINDOW_MS = 60_000;
/** Requests without a valid key that one address may send in a minute. */
const FAILURES_PER_MINUTE = 600;

const limit = (perMinute: number, keyGenerator: (request: Request) => string): RequestHandler =>
  rateLimit({
    windowMs: WINDOW_MS,
    limit: perMinute,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    keyGenerator,
    // Behind a proxy that says for whom it asks, all without a key share one account: anybody could say anything there.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (_request, response) => {
      sendProblem(
        response,
        problemOf("too_many_requests", `at most ${perMinute} requests a minute are taken; try again later`),
      );
    },
  });

/** For requests with a key: each key has its own account. */
export const limitPerKey = (perMinute: number): RequestHandler =>
  limit(perMinute, ({ res }) => String(res?.locals["keyId"] ?? ""));

/** For requests that were refused for want of a key: by address, so that nobody can try many. */
export const limitFailures = (): RequestHandler => limit(FAILURES_PER_MINUTE, ({ ip = "" }) => ipKeyGenerator(ip));

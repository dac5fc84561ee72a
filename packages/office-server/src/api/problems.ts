import type { Request, Response } from "express";
import {
  PROBLEM_MEDIA_TYPE,
  PROBLEM_TYPE_PREFIX,
  type Problem,
  type ProblemCode,
  PROBLEMS,
} from "office-contract/api/problems.ts";
import { Refusal, type RefusalFacts } from "../domain/refusal.ts";

/** For how long to stay away when the database is not there, in s. */
const RETRY_AFTER_S = 5;

export const problemOf = (code: ProblemCode, detail: string, { errors, cycle }: RefusalFacts = {}): Problem => ({
  type: `${PROBLEM_TYPE_PREFIX}${code}`,
  ...PROBLEMS[code],
  detail,
  code,
  ...(errors !== undefined && { errors: [...errors] }),
  ...(cycle !== undefined && { cycle: [...cycle] }),
});

export function sendProblem(response: Response, problem: Problem): void {
  // A stream that has begun can only be cut.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (problem.code === "unauthorized") response.set("WWW-Authenticate", "Bearer");
  if (problem.code === "database_unavailable") response.set("Retry-After", String(RETRY_AFTER_S));
  response.status(problem.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
}

/** What the caller is told of an error. What is none of theirs is logged with the request's id, and not told. */
export function asProblem(error: unknown, { log }: Pick<Request, "log">): Problem {
  if (error instanceof Refusal) return problemOf(error.code, error.message, error.facts);
  const ofParser = problemOfParser(error);
  if (ofParser !== null) return ofParser;
  if (isDatabaseTrouble(error)) {
    log.warn({ err: error }, "the database could not be asked");
    return problemOf("database_unavailable", "the database cannot be reached at the moment; try again");
  }
  log.error({ err: error }, "a request failed unexpectedly");
  return problemOf("internal_error", "something unexpected happened; the log of the API has more");
}

/** What the parsers of bodies and paths say, which is about the request. */
function problemOfParser(error: unknown): Problem | null {
  if (typeof error !== "object" || error === null) return null;
  const {
    type,
    status,
    limit,
    message = "",
  } = error as {
    type?: string;
    status?: number;
    limit?: number;
    message?: string;
  };
  switch (type) {
    case "entity.too.large":
      return problemOf(
        "too_large",
        `the body is larger than ${limit ?? 0} bytes, which is the most that is taken here`,
      );
    case "entity.parse.failed":
      return problemOf("malformed_json", `the body is not valid JSON: ${message}`);
    case "encoding.unsupported":
    case "charset.unsupported":
      return problemOf("unsupported_media_type", `the body must be UTF-8, plain or gzip: ${message}`);
    case undefined:
    default:
      if (status !== 400) return null;
      if (error instanceof URIError) {
        const advice = "cannot be decoded: % must be followed by two digits, and all together be UTF-8";
        return problemOf("invalid_request", `path ${advice}`, { errors: [{ field: "path", message: advice }] });
      }
      // A broken gzip stream, a length that is not kept.
      return problemOf("malformed_json", "the body is broken and cannot be read");
  }
}

const CONNECTION_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
/** Connections (08), no room (53), somebody's intervention (57), deadlocks and the like (40), locks that do not come (55). */
const SQL_CLASSES = /^(08|53|57|40|55)/;
const CONNECTION_MESSAGES =
  /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error/;

export function isDatabaseTrouble(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseTrouble);
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  // The server's socket is a file that may be missing.
  if (code === "ENOENT") return syscall === "connect";
  if (code !== undefined && (CONNECTION_CODES.has(code) || SQL_CLASSES.test(code))) return true;
  return CONNECTION_MESSAGES.test(error.message);
}

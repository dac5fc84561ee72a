import { delimiter } from "node:path";
import type { SessionRequest } from "./runtime.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const ALLOWED = new Set(["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TERM", "TMPDIR", "TZ"]);
const ALLOWED_PREFIX = "LC_";
/** The office's own secrets: no session gets them, not even by SESSION_ENV. */
const REFUSED = /^(DATABASE_URL$|OFFICE_TOKEN$|SUPABASE_|SLACK_|PG)/;

/**
 * The whole environment of a session: the allowed part of the operator's, over it what the job sets, over it what
 * tells the session who it is. `installation` is the folder from which the office itself runs.
 */
export function sessionEnvironment(
  request: SessionRequest,
  operator: Environment,
  installation: string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  const listed = new Set(listedNames(operator).filter((name) => !REFUSED.test(name)));
  for (const [name, value] of Object.entries(operator)) {
    const allowed = ALLOWED.has(name) || name.startsWith(ALLOWED_PREFIX) || listed.has(name);
    if (allowed && value !== undefined) environment[name] = value;
  }
  if (environment["PATH"] !== undefined) environment["PATH"] = withoutOwnBins(environment["PATH"], installation);
  return { ...environment, ...request.spec.env, ...identity(request) };
}

/** The names in SESSION_ENV that no session may see. */
export const refusedNames = (operator: Environment): string[] =>
  listedNames(operator).filter((name) => REFUSED.test(name));

const listedNames = (operator: Environment): string[] =>
  (operator["SESSION_ENV"] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

const identity = (request: SessionRequest): Record<string, string> => ({
  OFFICE_ID: request.officeId,
  TASK_ID: request.taskId ?? "",
  JOB_ID: request.jobId,
  JOB_KEY: request.jobKey ?? "",
  EXECUTION_ID: request.executionId,
  ATTEMPT: String(request.attempt),
  ROLE: request.role,
  FENCING_TOKEN: request.fencingToken,
});

/** `npm run` puts the office's own tools, its Node among them, before the operator's. A session must not see them. */
const withoutOwnBins = (path: string, installation: string): string =>
  path
    .split(delimiter)
    .filter((folder) => !isOwnBin(folder, installation))
    .join(delimiter);

function isOwnBin(folder: string, installation: string): boolean {
  if (folder.endsWith("/node-gyp-bin")) return true;
  const bin = "/node_modules/.bin";
  return folder.endsWith(bin) && `${installation}/`.startsWith(`${folder.slice(0, -bin.length)}/`);
}

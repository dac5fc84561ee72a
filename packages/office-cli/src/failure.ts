import { ApiError } from "office-contract/api/client.ts";
import type { ProblemCode } from "office-contract/api/problems.ts";
import { commandName, readClientConfig } from "office-server/platform/clientConfig.ts";
import { readConfig, withoutPasswords } from "office-server/platform/config.ts";
import { UnreachableError } from "./api/connect.ts";
import { printable } from "./line.ts";

/** What the user is told when a command cannot be carried out, and the exit code that it ends with. */
export interface Failure {
  lines: string[];
  exitCode: 1 | 2;
}

/** Problems that the user has caused: what was named does not exist, or does not make sense. */
const WRONG_USAGE: ReadonlySet<ProblemCode> = new Set(["not_found", "invalid_request", "invalid_graph"]);

/** Says what went wrong, in a line or a few, without passwords; with LOG_LEVEL=debug where it came from, too. */
export function explainFailure(error: unknown): Failure {
  if (error instanceof ApiError) return explainRefusal(error);
  if (error instanceof UnreachableError) {
    const remedy = `start it with \`${commandName()} up\`, or set OFFICE_URL to where it runs`;
    return { lines: [`${describeError(error)}: ${remedy}`], exitCode: 1 };
  }
  const isUsage = error instanceof Error && ["UsageError", "ConfigError"].includes(error.name);
  const text = describeError(error);
  return isUsage ? { lines: text.split("\n"), exitCode: 2 } : { lines: [text], exitCode: 1 };
}

function explainRefusal({ problem, message }: ApiError): Failure {
  if (problem.code === "shell_not_allowed") {
    const remedy = `\`${commandName()} up --allow-run\`, or ALLOW_RUN=1 where the API is started, lets them in`;
    return { lines: [printable(message), remedy], exitCode: 1 };
  }
  const { code, status, errors = [], cycle } = problem;
  // Where one field is wrong, that has been said.
  const more = errors.filter(({ message: what }) => errors.length > 1 || !message.includes(what));
  const lines = [
    status === 401 ? describeUnknownKey() : message,
    ...more.map(({ field, message: what }) => `  ${field}: ${what}`),
    ...(cycle !== undefined && errors.length === 0 ? [`  ${cycle.join(" → ")}`] : []),
  ];
  return { lines: lines.map(printable), exitCode: WRONG_USAGE.has(code) ? 2 : 1 };
}

function describeUnknownKey(): string {
  const { url, token, tokenOrigin } = readClientConfig();
  return token === ""
    ? `the API at ${url} wants a key, and none was found ${tokenOrigin}`
    : `the API at ${url} does not take the key ${tokenOrigin}: it is another API's, or was revoked`;
}

/** An error in a line, without passwords; with LOG_LEVEL=debug where it came from, too. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return withoutPasswords(String(error));
  return withoutPasswords(isDebugging() ? (error.stack ?? error.message) : error.message);
}

function isDebugging(): boolean {
  try {
    return ["debug", "trace"].includes(readConfig().logLevel);
  } catch {
    return false;
  }
}

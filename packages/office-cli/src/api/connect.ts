import { ApiClient, ApiError } from "office-contract/api/client.ts";
import { type ClientConfig, readClientConfig } from "office-server/platform/clientConfig.ts";

/** Raised when nothing answers where the API should be. */
export class UnreachableError extends Error {
  override name = "UnreachableError";
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(`nothing answers at ${url} (${reasonOf(cause)})`, { cause });
    this.url = url;
  }
}

/** A running API, as a command sees it. */
export interface Connection {
  client: ApiClient;
  config: ClientConfig;
}

/** Prepares to talk to the API that the environment names. Nothing is sent before the first call. */
export function connect(): Connection {
  const config = readClientConfig();
  const { url, token } = config;
  const reach: typeof fetch = (input, init) =>
    fetch(input, init).catch((error: unknown) => {
      throw isAbort(error) ? error : new UnreachableError(url, error);
    });
  return { client: new ApiClient({ baseUrl: url, token, fetch: reach }), config };
}

/** Whether what went wrong goes away by itself, more likely than not: the API starts again, or a proxy says so. */
export const isPassing = (error: unknown): boolean =>
  error instanceof UnreachableError ||
  (error instanceof ApiError && (error.problem.status >= 500 || error.problem.status === 429));

export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

/** `fetch` says "fetch failed"; why is in its cause, or in the causes of that where a host has several addresses. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

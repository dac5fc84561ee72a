import { type ApiClient, ApiError, type RequestOf, type ResponseOf } from "office-contract/api/client.ts";
import type { RouteName } from "office-contract/api/routes.ts";
import type { HistoryWriter } from "../history/HistoryWriter.ts";
import type { Call } from "../history/records.ts";

const ANSWER_MS_MAX = 5_000;

/** Talks to the API as a client does that has patience and a good memory: it writes down all that it says and hears. */
export class Client {
  readonly #api: ApiClient;
  readonly #history: HistoryWriter;

  constructor(api: ApiClient, history: HistoryWriter) {
    this.#api = api;
    this.#history = history;
  }

  async call<Name extends RouteName>(
    name: Name,
    officeId: string,
    request: RequestOf<Name>,
  ): Promise<Call & { answer: ResponseOf<Name> }> {
    const { params = {}, body } = request as { params?: Record<string, unknown>; body?: unknown };
    const call = await this.#history.call(
      { name, officeId, request: { ...params, ...(body !== undefined && { body }) } },
      () => this.#api.call(name, request, AbortSignal.timeout(ANSWER_MS_MAX)),
      refusalIn,
    );
    return call as Call & { answer: ResponseOf<Name> };
  }
}

/** What the API says no to has not happened. An error of its own (5xx) says nothing of that. */
const refusalIn = (error: unknown): unknown =>
  error instanceof ApiError && error.problem.status < 500
    ? { status: error.problem.status, code: error.problem.code }
    : null;

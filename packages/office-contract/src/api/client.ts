import type { z } from "zod";
import type { Problem } from "./problems.ts";
import { type Route, type RouteName, ROUTES, type Routes } from "./routes.ts";

type InputOf<Schema> = Schema extends z.ZodType ? z.input<Schema> : never;
type PartOf<Name extends RouteName, Part extends "params" | "query" | "headers" | "body"> = Routes[Name] extends {
  [Key in Part]: infer Schema;
}
  ? { [Key in Part]: InputOf<Schema> }
  : object;

/** What a call of a route takes. Queries, headers and optional bodies may be left out. */
export type RequestOf<Name extends RouteName> = PartOf<Name, "params"> &
  Partial<PartOf<Name, "query">> &
  Partial<PartOf<Name, "headers">> &
  (Routes[Name] extends { bodyOptional: true } ? Partial<PartOf<Name, "body">> : PartOf<Name, "body">);

export type ResponseOf<Name extends RouteName> = Routes[Name]["response"] extends z.ZodType
  ? z.output<Routes[Name]["response"]>
  : null;

/** Raised when the API refuses, with what it said. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export interface ClientOptions {
  /** As in `http://127.0.0.1:3001`, without `/api`. */
  baseUrl: string;
  token: string;
  fetch: typeof globalThis.fetch;
}

/** The API, typed by the table of its routes. */
export class ApiClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /**
   * Calls a route that answers with JSON or nothing.
   *
   * @throws ApiError when the API refuses; what `fetch` throws when it cannot be reached
   */
  async call<Name extends RouteName>(
    name: Name,
    request: RequestOf<Name>,
    signal?: AbortSignal,
  ): Promise<ResponseOf<Name>> {
    const response = await this.open(name, request, signal);
    return (response.status === 204 ? null : await response.json()) as ResponseOf<Name>;
  }

  /**
   * Calls a route whose answer the caller reads by itself: a stream, say.
   *
   * @throws ApiError when the API refuses; what `fetch` throws when it cannot be reached
   */
  async open<Name extends RouteName>(name: Name, request: RequestOf<Name>, signal?: AbortSignal): Promise<Response> {
    const { params = {}, query = {}, headers = {}, body } = request as Partial<Record<string, Record<string, unknown>>>;
    const route: Route = ROUTES[name];
    const hasBody = route.body !== undefined;
    const response = await this.#options.fetch(`${this.#options.baseUrl}/api${addressOf(route.path, params, query)}`, {
      method: route.method.toUpperCase(),
      headers: {
        authorization: `Bearer ${this.#options.token}`,
        ...(hasBody && { "content-type": "application/json" }),
        ...textValues(headers),
      },
      ...(hasBody && { body: JSON.stringify(body ?? {}) }),
      ...(signal !== undefined && { signal }),
    });
    if (!response.ok) throw new ApiError(await problemOf(response));
    return response;
  }
}

function addressOf(path: string, params: Record<string, unknown>, query: Record<string, unknown>): string {
  const filled = path.replaceAll(/:(\w+)/g, (_match, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams(textValues(query)).toString();
  return search === "" ? filled : `${filled}?${search}`;
}

const textValues = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, String(value)]),
  );

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const value = JSON.parse(text) as Partial<Problem>;
    if (typeof value.detail === "string") return value as Problem;
  } catch {
    // Something in between has answered: a proxy, say.
  }
  const { status } = response;
  const detail = `the answer was ${status} ${response.statusText}`.trimEnd();
  return { type: "about:blank", title: "No answer of the API", status, detail, code: "internal_error" };
}

import { PROBLEM_MEDIA_TYPE, type ProblemCode, PROBLEMS, problemSchema } from "office-contract/api/problems.ts";
import { COMMON_PROBLEMS, type Route, type RouteName, ROUTES } from "office-contract/api/routes.ts";
import { jobEventSchema } from "office-contract/events.ts";
import {
  createDocument,
  type ZodOpenApiObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiResponseObject,
} from "zod-openapi";
import manifest from "../../package.json" with { type: "json" };
import { BODY_EXAMPLES } from "./openapi/examples.ts";
import { portableSchema } from "./openapi/portableSchema.ts";

const DESCRIPTION = `Jobs that depend on each other, run in the right order and never more at a time than allowed.

Every request carries a key: \`Authorization: Bearer ofk_...\`. Errors are problem documents (RFC 9457). Lists are paged by
\`limit\` and \`cursor\`. Rows are in snake_case, settings in camelCase; times of settings are in ms.`;

const TAGS: Readonly<Record<Route["tag"], string>> = {
  Offices: "Tenants: each has its own jobs, limits and settings.",
  Jobs: "Units of work that may depend on each other.",
  Scheduler: "What an office's scheduler is set to, and how it stands.",
  Executions: "Sessions that run elsewhere report here, each with its own token.",
  Events: "Everything that happens in an office, in order and without a gap.",
  Keys: "Who may use this API.",
  Webhooks: "Who is told of an office's events.",
};

/** The API's description, made from the table of its routes. */
export function createOpenApi() {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const [name, route] of Object.entries(ROUTES) as [RouteName, Route][]) {
    const path = `/api${route.path.replaceAll(/:(\w+)/g, "{$1}")}`;
    paths[path] = { ...paths[path], [route.method]: operation(name, route) };
  }
  const description: ZodOpenApiObject = {
    openapi: "3.1.0",
    info: {
      title: "Office Scheduler",
      version: manifest.version,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }, { url: "http://127.0.0.1:3001", description: "Where it listens by default." }],
    security: [{ key: [] }],
    tags: Object.entries(TAGS).map(([tag, text]) => ({ name: tag, description: text })),
    components: {
      schemas: { JobEvent: jobEventSchema },
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "A key of this API, `ofk_...`." },
        execution: { type: "http", scheme: "bearer", description: "The token of one execution, `ofx_...`." },
      },
    },
    paths,
  };
  return createDocument(description, { override: portableSchema });
}

function operation(name: RouteName, route: Route): ZodOpenApiOperationObject {
  const { tag, summary, params, query, headers, body, bodyOptional = false, access } = route;
  const example = BODY_EXAMPLES[name];
  return {
    operationId: name,
    tags: [tag],
    summary,
    security: [{ [access === "execution" ? "execution" : "key"]: [] }],
    requestParams: {
      ...(params !== undefined && { path: params }),
      ...(query !== undefined && { query }),
      ...(headers !== undefined && { header: headers }),
    },
    ...(body !== undefined && {
      requestBody: {
        required: !bodyOptional,
        content: { "application/json": { schema: body, ...(example !== undefined && { example }) } },
      },
    }),
    responses: { [`${route.status}`]: success(route), ...failures(route) },
  };
}

function success({ response, media = "application/json" }: Route): ZodOpenApiResponseObject {
  if (response === null) return { description: "Done." };
  if (media === "text/event-stream") {
    const description = "Events without end: `id` is the `seq`, `event` the `type`, and `data` a JobEvent as JSON.";
    return { description, content: { [media]: { schema: { type: "string" } } } };
  }
  return { description: "Done.", content: { [media]: { schema: response } } };
}

const HEADERS: Readonly<Record<number, string>> = { 401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After" };

/** One entry a status, with the codes that come with it. */
function failures(route: Route): Record<string, ZodOpenApiResponseObject> {
  const byStatus = Map.groupBy(problemsOf(route), (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus]
      .toSorted(([a], [b]) => a - b)
      .map(([status, codes]) => {
        const header = HEADERS[status];
        return [
          String(status),
          {
            description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join(" "),
            ...(header !== undefined && { headers: { [header]: { schema: { type: "string" } } } }),
            content: { [PROBLEM_MEDIA_TYPE]: { schema: problemSchema } },
          },
        ];
      }),
  );
}

/** What a route may answer instead of what was asked for. */
export function problemsOf({ body, problems = [] }: Route): ProblemCode[] {
  const aboutBody: ProblemCode[] = body === undefined ? [] : ["malformed_json", "unsupported_media_type", "too_large"];
  return [...new Set<ProblemCode>([...COMMON_PROBLEMS, ...problems, ...aboutBody])];
}

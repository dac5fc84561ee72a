import { type Route, type RouteName, ROUTES } from "office-contract/api/routes.ts";
import { BODY_EXAMPLES } from "office-server/api/openapi/examples.ts";
import { newSecret } from "office-server/platform/ids.ts";
import { issueExecutionToken } from "office-server/services/executions/tokens.ts";
import { expect } from "vitest";
import type { Answer, ApiWorld } from "../../../../test/support/api.ts";
import { sql } from "../../../../test/support/scheduler.ts";

export const ROUTE_NAMES = Object.keys(ROUTES) as RouteName[];
export const routeOf = (name: RouteName): Route => ROUTES[name];

/** Any well-formed id that nothing has. */
export const UNKNOWN_ID = "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10";

/** Something of everything, so that each route has what it is about. */
export interface Scene {
  ids: Record<string, string>;
  /** Opens the scene's execution. */
  executionToken: string;
  /** Of the scene's office. */
  readKey: string;
  writeKey: string;
  /** Of another office. */
  strangerKey: string;
}

export async function buildScene({ createOffice, database, client, createKey }: ApiWorld): Promise<Scene> {
  const office = await createOffice();
  await office.submit({
    first: { session: { runtime: "external", cwd: "/", env: {} } },
    second: { depends_on: ["first"] },
  });
  const execution = await office.claimOne();
  const params = { officeId: office.id };
  const webhook = await client.call("createWebhook", { params, body: { url: "https://93.184.215.14/told" } });
  const key = await client.call("createKey", { body: { name: "of the scene" } });
  const stranger = await createOffice();
  return {
    ids: {
      officeId: office.id,
      jobId: office.idOf("second"),
      executionId: execution.execution_id,
      webhookId: webhook.id,
      keyId: key.id,
    },
    executionToken: await issueExecutionToken(database, execution.execution_id),
    readKey: await createKey(office.id, "read"),
    writeKey: await createKey(office.id),
    strangerKey: await createKey(stranger.id),
  };
}

/** The address of a route, with ids of the scene unless others are given. */
export const addressOf = (name: RouteName, ids: Record<string, string>, query = ""): string =>
  `/api${routeOf(name).path.replaceAll(/:(\w+)/g, (_match, id: string) => encodeURIComponent(ids[id] ?? ""))}${query}`;

/** A token that opens the route. */
export const tokenFor = (name: RouteName, { executionToken }: Scene, { token }: ApiWorld): string =>
  routeOf(name).access === "execution" ? executionToken : token;

/** One of the right form that opens nothing. */
export const unknownToken = (name: RouteName): string =>
  `${routeOf(name).access === "execution" ? "ofx" : "ofk"}_${newSecret()}`;

/** A body that the route takes; undefined where it takes none. */
export const bodyOf = (name: RouteName): unknown =>
  routeOf(name).body === undefined ? undefined : (BODY_EXAMPLES[name] ?? {});

/** Sends a request that is right but for what is given. */
export async function ask(
  api: ApiWorld,
  scene: Scene,
  name: RouteName,
  change: Partial<{
    token: string | null;
    ids: Record<string, string>;
    query: string;
    json: unknown;
    body: string | Buffer;
    headers: Record<string, string>;
  }>,
): Promise<Answer> {
  const { token = tokenFor(name, scene, api), ids = {}, query, json, body, headers = {} } = change;
  const content = body === undefined ? { json: json ?? bodyOf(name) } : { body };
  const address = addressOf(name, { ...scene.ids, ...ids }, query);
  const method = routeOf(name).method.toUpperCase();
  return api.request(method, address, { token, headers, ...content });
}

/** Whatever is stored, but when keys were used. */
async function contents(api: ApiWorld): Promise<Record<string, string>> {
  const tables = await sql<{ name: string }>(
    api,
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
  );
  const found: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await sql<{ hash: string }>(
      api,
      `SELECT md5(COALESCE(string_agg(x, ',' ORDER BY x), '')) AS hash
       FROM (SELECT (to_jsonb(t) - 'last_used_at')::text AS x FROM "${name}" t) y`,
    );
    found[name] = row?.hash ?? "";
  }
  return found;
}

/** Runs `action`, after which everything must be stored as it was before. */
export async function changingNothing(api: ApiWorld, action: () => Promise<unknown>): Promise<void> {
  const before = await contents(api);
  await action();
  await expect(contents(api)).resolves.toEqual(before);
}

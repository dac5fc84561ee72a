import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeyAccess } from "office-contract/api/access.ts";
import { ApiClient } from "office-contract/api/client.ts";
import type { Problem } from "office-contract/api/problems.ts";
import { problemSchema } from "office-contract/api/problems.ts";
import { ApiServer } from "office-server/api/server.ts";
import { readConfig } from "office-server/platform/config.ts";
import { createLogger } from "office-server/platform/log.ts";
import { createKey, ensureFirstKey } from "office-server/services/access/keys.ts";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { setup, setupFile, type World } from "./scheduler.ts";

export interface ApiWorld extends World {
  url: string;
  officeHome: string;
  /** The first key: all offices, may write. */
  token: string;
  client: ApiClient;
  /** The API's log, a JSON object each. */
  log: string[];
  server: ApiServer;
  createKey(officeId: string | null, access?: KeyAccess): Promise<string>;
  clientOf(token: string): ApiClient;
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
}

interface RequestOptions {
  /** Null: none. Default: the first key. */
  token?: string | null;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: string | Buffer;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** An API on a database of the test's own. `environment`: what its process would find there. */
export async function setupApi(environment: Record<string, string> = {}): Promise<ApiWorld> {
  const world = await setup();
  const { api, stop } = await start(world, environment);
  onTestFinished(stop);
  return api;
}

/** One API for all tests of a file. */
export function setupFileApi(environment: Record<string, string> = {}): () => ApiWorld {
  const world = setupFile();
  let running: Awaited<ReturnType<typeof start>> | null = null;
  beforeAll(async () => {
    running = await start(world(), environment);
  });
  afterAll(() => running?.stop());
  return () => {
    if (running === null) throw new Error("no test is running");
    return running.api;
  };
}

async function start(world: World, environment: Record<string, string>) {
  const officeHome = mkdtempSync(join(tmpdir(), "office-api-"));
  const log: string[] = [];
  const config = readConfig({
    DATABASE_URL: world.url,
    DATABASE_SCHEMA: world.schema,
    OFFICE_HOME: officeHome,
    PORT: "0",
    TICK_INTERVAL_MS: "0",
    ...environment,
  });
  const server = new ApiServer({
    config,
    log: createLogger("debug", { write: (line: string) => log.push(line) }),
    onDatabaseLost: () => {},
    checkAnswers: true,
  });
  const url = await server.start();
  const { token } = await ensureFirstKey(world.database, officeHome, createLogger("silent"));
  const clientOf = (key: string) => new ApiClient({ baseUrl: url, token: key, fetch });
  const api: ApiWorld = {
    ...world,
    url,
    officeHome,
    token,
    client: clientOf(token),
    log,
    server,
    clientOf,
    createKey: async (officeId, access = "write") =>
      (await createKey(world.database, { name: "test", officeId, access })).token,
    request: (method, path, options) => send(url, method, path, { token, ...options }),
  };
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(officeHome, { recursive: true, force: true });
  };
  return { api, stop };
}

async function send(url: string, method: string, path: string, options: RequestOptions): Promise<Answer> {
  const { token, headers = {}, json, body } = options;
  const content = json === undefined ? body : JSON.stringify(json);
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(typeof token === "string" && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(content !== undefined && { body: content }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The problem document that an answer must be. */
export function problemIn({ status, headers, text }: Answer): Problem {
  expect(headers.get("content-type"), text).toContain("application/problem+json");
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem.status).toBe(status);
  return problem;
}

import { request as httpRequest, type RequestOptions } from "node:http";
import { DatabaseProxy } from "../../../../test/support/databaseProxy.ts";
import { describe, expect, test } from "vitest";
import { type ApiWorld, problemIn, setupApi, setupFileApi } from "../../../../test/support/api.ts";
import { setup, sql } from "../../../../test/support/scheduler.ts";

const api = setupFileApi({
  ALLOWED_HOSTS: "office.example, 10.1.2.3:8080",
  PUBLIC_URL: "https://public.example:444/x",
});

/** Sends what `fetch` would not: any Host. */
const raw = (
  { url, token }: ApiWorld,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const options: RequestOptions = { hostname, port, path, headers: { authorization: `Bearer ${token}`, ...headers } };
    const request = httpRequest(options, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }));
    });
    request.on("error", reject).end();
  });

describe("the host", () => {
  test.each([
    "localhost:80",
    "LOCALHOST",
    "127.0.0.1:3001",
    "[::1]:9",
    "office.example",
    "10.1.2.3",
    "public.example:1",
  ])("%s is this API's", async (host) => {
    await expect(raw(api(), "/api/offices", { host })).resolves.toMatchObject({ status: 200 });
  });

  test.each([
    "evil.example",
    "127.0.0.2",
    "localhost.evil.example",
    "user@localhost",
    "localhost/x",
    "evil.example#localhost",
  ])("%j is not", async (host) => {
    const { status, text } = await raw(api(), "/api/offices", { host });
    expect([status, JSON.parse(text)]).toEqual([403, expect.objectContaining({ code: "host_not_allowed" })]);
  });

  test.each(["/openapi.json", "/docs"])("is asked for at %s too", async (path) => {
    await expect(raw(api(), path, { host: "evil.example" })).resolves.toMatchObject({ status: 403 });
  });

  test("does not matter to those who watch over the process", async () => {
    await expect(raw(api(), "/health", { host: "10.9.8.7" })).resolves.toMatchObject({ status: 200 });
  });
});

describe("a page of", () => {
  const from = (origin: string) => api().request("GET", "/api/offices", { headers: { origin } });

  test.each(["http://localhost:3000", "https://office.example", "http://127.0.0.1:3001"])(
    "%s may ask",
    async (origin) => {
      expect((await from(origin)).status).toBe(200);
    },
  );

  test.each(["https://evil.example", "null", "file://", "https://office.example.evil.example"])(
    "%s may not",
    async (origin) => {
      expect(problemIn(await from(origin)).code).toBe("host_not_allowed");
    },
  );
});

describe("addresses", () => {
  test.each(["/api/nothing", "/api", "/api/offices/x/y/z", "/nothing"])("%s is not there", async (path) => {
    expect(problemIn(await api().request("GET", path)).code).toBe("not_found");
  });

  test("that cannot be decoded are refused", async () => {
    const problem = problemIn(await api().request("GET", "/api/offices/%zz"));
    expect([problem.code, problem.errors?.[0]?.field]).toEqual(["invalid_request", "path"]);
  });

  test("are asked for with HEAD as with GET", async () => {
    const answer = await api().request("HEAD", "/api/offices");
    expect([answer.status, answer.text]).toEqual([200, ""]);
  });
});

test("ids in capitals are the same ids", async () => {
  const office = await api().createOffice();
  const upper = { officeId: office.id.toUpperCase() };
  const own = api().clientOf(await api().createKey(office.id));
  await expect(own.call("getStats", { params: upper })).resolves.toMatchObject({ office_id: office.id });
});

describe("answers", () => {
  test("are kept by nobody, and carry what protects a browser", async () => {
    const { headers } = await api().request("GET", "/api/offices");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(headers.get("x-powered-by")).toBeNull();
    expect(headers.get("x-request-id")).toMatch(/^[\da-f-]{36}$/);
  });

  test("tell nothing of what went wrong inside; the log does, under the request's id", async () => {
    const world = await setupApi();
    await sql(world, "ALTER TABLE offices RENAME COLUMN github_org TO hidden_column");
    const answer = await world.request("GET", "/api/offices");
    expect(problemIn(answer)).toMatchObject({ status: 500, code: "internal_error" });
    expect(answer.text).not.toContain("github_org");
    const lines = world.log.filter((line) => line.includes("a request failed unexpectedly"));
    expect(lines.join("")).toContain(String(answer.headers.get("x-request-id")));
    expect(lines.join("")).toContain("github_org");
  });

  test("say so when the database is gone, and when to come back", async () => {
    const { url } = await setup();
    const proxy = await DatabaseProxy.start(url);
    const { request } = await setupApi({ DATABASE_URL: proxy.url });
    expect((await request("GET", "/api/offices")).status).toBe(200);
    proxy.cut();
    const answer = await request("GET", "/api/offices");
    expect(problemIn(answer).code).toBe("database_unavailable");
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect([(await request("GET", "/ready")).status, (await request("GET", "/health")).status]).toEqual([503, 200]);
    proxy.mend();
    await expect.poll(async () => (await request("GET", "/api/offices")).status).toBe(200);
    expect((await request("GET", "/ready")).status).toBe(200);
  });
});

test("the log has no key and no body", async () => {
  const world = await setupApi();
  const office = await world.createOffice();
  const json = { jobs: [{ key: "a", command: ["x"], prompt: "very private words" }] };
  await world.request("POST", `/api/offices/${office.id}/jobs`, { json });
  await world.request("POST", `/api/offices/${office.id}/jobs`, { json: { jobs: [{ ...json.jobs[0], nonsense: 1 }] } });
  const log = world.log.join("");
  expect(log).toContain(`/api/offices/${office.id}/jobs`);
  expect(log).not.toContain(world.token);
  expect(log).not.toContain("very private words");
});

describe("the number of requests", () => {
  test("of a key is limited, each on its own", async () => {
    const world = await setupApi({ RATE_LIMIT_PER_MINUTE: "5" });
    const other = await world.createKey(null);
    const ask = async (token: string) => world.request("GET", "/api/offices", { token });
    for (let count = 0; count < 5; count++) expect((await ask(world.token)).status).toBe(200);
    const refused = await ask(world.token);
    expect(problemIn(refused).code).toBe("too_many_requests");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await ask(other)).status).toBe(200);
  });

  test("without a key is limited by address, and keeps nobody with a key out", async () => {
    const world = await setupApi();
    const ask = (token: string | null) => world.request("GET", "/api/offices", { token });
    const statuses = await Promise.all(Array.from({ length: 650 }, async () => (await ask(null)).status));
    const counts = Map.groupBy(statuses, (status) => status);
    expect([counts.get(401)?.length, counts.get(429)?.length]).toEqual([600, 50]);
    expect((await ask(world.token)).status).toBe(200);
  });
});

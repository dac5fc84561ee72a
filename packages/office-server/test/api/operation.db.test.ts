import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { ApiServer } from "office-server/api/server.ts";
import { readConfig } from "office-server/platform/config.ts";
import { createLogger } from "office-server/platform/log.ts";
import { describe, expect, test } from "vitest";
import { setupApi, setupFileApi } from "../../../../test/support/api.ts";

const api = setupFileApi();

const open = (path: string) => api().request("GET", path, { token: null });

describe("without a key", () => {
  test("the process says that it lives", async () => {
    const { status, text } = await open("/health");
    expect([status, JSON.parse(text)]).toEqual([
      200,
      { status: "ok", version: expect.any(String), uptime_ms: expect.any(Number) },
    ]);
  });

  test("and whether it can work", async () => {
    await expect(open("/ready")).resolves.toMatchObject({ status: 200 });
  });

  test("and how it works", async () => {
    const office = await api().createOffice();
    await api().client.call("getOffice", { params: { officeId: office.id } });
    const { text } = await open("/metrics");
    expect(text).toMatch(
      /office_http_request_duration_seconds_count\{method="GET",route="\/api\/offices\/:officeId",status="200"\} [1-9]/,
    );
    expect(text).not.toContain(office.id);
  });

  test.each(["/openapi.json", "/api/openapi.json"])("the API is described at %s", async (path) => {
    const { status, text } = await open(path);
    expect([status, JSON.parse(text)]).toEqual([200, expect.objectContaining({ openapi: "3.1.0" })]);
  });

  test.each(["/docs", "/api/docs"])("people can read it at %s, with nothing from elsewhere", async (path) => {
    const { status, headers, text } = await open(path);
    expect([status, headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).not.toMatch(/https?:|\*/);
    const resources = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? "");
    expect(resources.length).toBeGreaterThan(2);
    for (const address of resources) {
      expect(address).toMatch(/^\//);
      expect((await open(address)).status).toBe(200);
    }
  });
});

describe("a start", () => {
  const serverWith = (environment: Record<string, string>) =>
    new ApiServer({
      config: readConfig({
        DATABASE_URL: api().database.options.connectionString,
        OFFICE_HOME: api().officeHome,
        PORT: "0",
        ...environment,
      }),
      log: createLogger("silent"),
      onDatabaseLost: () => {},
    });

  test("on a port that is taken says so, and leaves nothing running", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const server = serverWith({ PORT: String(port) });
    await expect(server.start()).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: another program`);
    await server.stop();
    taken.close();
  });

  test("without its database says so", async () => {
    const server = serverWith({ DATABASE_URL: "postgres://nobody@127.0.0.1:9/x" });
    await expect(server.start()).rejects.toThrow("DATABASE_URL postgres://nobody@127.0.0.1:9/x takes no connection");
  });
});

describe("a stop", () => {
  test("lets a request be answered, ends what has no end, and takes nothing new", async () => {
    const world = await setupApi();
    const office = await world.createOffice();
    const address = `/api/offices/${office.id}/events`;
    const stream = await fetch(world.url + address, { headers: { authorization: `Bearer ${world.token}` } });
    expect(stream.status).toBe(200);
    const answers = Array.from({ length: 5 }, () => world.request("GET", `/api/offices/${office.id}`));
    const [first] = await Promise.all(answers);
    await world.server.stop();
    expect(first?.status).toBe(200);
    await expect(stream.text()).resolves.toContain("retry");
    await expect(world.request("GET", "/health")).rejects.toThrow("fetch failed");
  });

  test("cuts off what follows a session, so that it is not taken for complete", async () => {
    const world = await setupApi();
    const office = await world.createOffice();
    await office.submit({ a: {} });
    await office.claimOne();
    const address = `/api/offices/${office.id}/jobs/${office.idOf("a")}/logs?follow=1`;
    const output = await fetch(world.url + address, { headers: { authorization: `Bearer ${world.token}` } });
    expect(output.status).toBe(200);
    const read = output.text();
    await Promise.all([world.server.stop(), expect(read).rejects.toThrow("terminated")]);
  });

  test("may be asked for twice, and before a start", async () => {
    const world = await setupApi();
    await Promise.all([world.server.stop(), world.server.stop()]);
    await expect(world.server.stop()).resolves.toBeUndefined();
  });
});

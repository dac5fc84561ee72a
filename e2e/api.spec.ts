import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../test/support/database.ts";
import { ServiceProcess } from "./support/service.ts";

const API = join(import.meta.dirname, "../packages/office-server/src/api/main.ts");

/** A folder and an environment for an API on a database of the test's own. */
async function prepare(): Promise<{ folder: string; environment: Record<string, string> }> {
  const { url, drop } = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), "office-api-process-"));
  onTestFinished(async () => {
    await drop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, environment: { DATABASE_URL: url, OFFICE_HOME: join(folder, "home"), PORT: "0" } };
}

const tokenIn = (environment: Record<string, string>): string =>
  readFileSync(join(environment["OFFICE_HOME"] ?? "", "token"), "utf8").trim();

test("it starts, answers whoever has its key, and stops in good order", async () => {
  const { folder, environment } = await prepare();
  const api = new ServiceProcess(API, folder, environment);
  const url = await api.url;
  const headers = { authorization: `Bearer ${tokenIn(environment)}` };
  const answer = await fetch(`${url}/api/offices`, { headers });
  expect([answer.status, await answer.json()]).toEqual([200, { offices: [], next_cursor: null }]);
  await expect(api.kill("SIGTERM")).resolves.toBe(0);
  expect(api.log.join("\n")).not.toContain(tokenIn(environment));
});

test("it is killed, and the next one knows what it has promised", async () => {
  const { folder, environment } = await prepare();
  const first = new ServiceProcess(API, folder, environment);
  const headers = { authorization: "", "content-type": "application/json" };
  const firstUrl = await first.url;
  headers.authorization = `Bearer ${tokenIn(environment)}`;
  const made = await fetch(`${firstUrl}/api/offices`, { method: "POST", headers, body: '{"name":"kept"}' });
  expect(made.status).toBe(201);
  await first.kill("SIGKILL");
  const second = new ServiceProcess(API, folder, environment);
  const list = await fetch(`${await second.url}/api/offices?name=kept`, { headers });
  await expect(list.json()).resolves.toMatchObject({ offices: [{ name: "kept" }] });
  await second.kill("SIGTERM");
});

test("it tells who has started it that it is ready", async () => {
  const { folder, environment } = await prepare();
  const child = fork(API, { cwd: folder, env: environment, silent: true });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [message] = await once(child, "message");
  expect(message).toBe("ready");
});

test.each([
  ["its port is taken", 1, "cannot listen on 127.0.0.1:"],
  ["its database is not there", 1, "takes no connection"],
  ["a variable makes no sense", 2, "PORT is"],
])("where %s it says so, and ends", async (problem, code, message) => {
  const { folder, environment } = await prepare();
  const taken = createServer();
  await new Promise<void>((resolve) => {
    taken.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    taken.close();
  });
  const wrong: Record<string, Record<string, string>> = {
    "its port is taken": { PORT: String((taken.address() as AddressInfo).port) },
    "its database is not there": { DATABASE_URL: "postgres://nobody@127.0.0.1:9/x" },
    "a variable makes no sense": { PORT: "eighty" },
  };
  const api = new ServiceProcess(API, folder, { ...environment, ...wrong[problem] });
  await expect(api.exit).resolves.toBe(code);
  expect(api.log.join("\n")).toContain(message);
  expect(api.log.join("\n")).not.toMatch(/\bat .*\.ts:\d+/);
});

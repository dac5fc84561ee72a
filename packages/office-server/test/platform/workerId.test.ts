import { hostname } from "node:os";
import { expect, test } from "vitest";
import { isAlive } from "../../src/platform/processIdentity.ts";
import { currentWorkerId, workerProcess } from "../../src/platform/workerId.ts";

test.each([
  ["the host's name", null, hostname()],
  ["a name of its own", "blue:1.a_b-c", "blue:1.a_b-c"],
])("a worker is called by %s, and names its process", (_what, name, shown) => {
  const id = currentWorkerId(name);
  expect(id.split("/")[0]).toBe(shown);
  const identity = workerProcess(id);
  expect(identity).toMatchObject({ pid: process.pid });
  expect(identity !== null && isAlive(identity)).toBe(true);
});

test("an id of another kind names no process", () => {
  expect(workerProcess("worker-7")).toBeNull();
  expect(workerProcess("host/boot/seven/1")).toBeNull();
});

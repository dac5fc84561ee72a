import { expect, test } from "vitest";
import { currentBootId, identityOf, isAlive, parseStat } from "../../src/platform/processIdentity.ts";

const statLine = (name: string, state = "S"): string =>
  `4242 (${name}) ${state} 17 4242 4200 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 4 0 987654 1000 2000 1844`;

test.each(["sleep", "a b", "evil) R 1 1 1 (", "two\nlines", ")"])("reads the facts after the name %j", (name) => {
  expect(parseStat(statLine(name))).toEqual({
    pid: 4242,
    zombie: false,
    parentPid: 17,
    groupId: 4242,
    sessionId: 4200,
    startTime: "987654",
  });
});

test.each(["Z", "X"])("a process in state %s is a zombie", (state) => {
  expect(parseStat(statLine("sleep", state)).zombie).toBe(true);
});

test("this process is alive, and nobody else by its pid", () => {
  const self = identityOf(process.pid);
  if (self === null) throw new Error("this process has no identity");
  expect(self.pid).toBe(process.pid);
  expect(self.bootId).toBe(currentBootId());
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startTime: "1" })).toBe(false);
  expect(isAlive({ ...self, bootId: "another boot" })).toBe(false);
});

test("a pid that is free has no identity", () => {
  // Beyond the largest pid that Linux and macOS give.
  expect(identityOf(2 ** 30)).toBeNull();
});

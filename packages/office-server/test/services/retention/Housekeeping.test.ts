import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "office-server/db/connection.ts";
import { createLogger } from "office-server/platform/log.ts";
import { Housekeeping } from "office-server/services/retention/Housekeeping.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const minute = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets so many minutes go by, and the round of each come to its end: it may look into a folder, which takes real time. */
async function goBy(minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed++) {
    await vi.advanceTimersByTimeAsync(minute);
    while (vi.getTimerCount() === 0) await nextTurn();
  }
}

/** A database in which there is nothing, and the names of the statements that it was asked for. */
function setup(query: (name: string) => Promise<unknown[]> = () => Promise.resolve([])) {
  const asked: string[] = [];
  const warnings: string[] = [];
  const database = {
    query: (name: string) => {
      asked.push(name);
      return name === "days_ago" ? Promise.resolve([{ moment: "2026-01-01" }]) : query(name);
    },
  } as unknown as Database;
  const housekeeping = new Housekeeping({
    database,
    log: createLogger("warn", { write: (line: string) => warnings.push(line) }),
    sessionsDirectory: "/nowhere",
    retentionDays: 30,
  });
  housekeeping.start();
  const times = (name: string): number => asked.filter((one) => one === name).length;
  return { housekeeping, warnings, times };
}

test("counts every minute, and deletes after a minute and then every ten", async () => {
  const { housekeeping, times } = setup();
  await vi.advanceTimersByTimeAsync(minute - 1);
  expect(times("uncounted_offices")).toBe(0);
  await goBy(1);
  expect([times("uncounted_offices"), times("aged_offices")]).toEqual([1, 1]);
  await goBy(10);
  expect([times("uncounted_offices"), times("aged_offices")]).toEqual([11, 2]);
  await housekeeping.stop();
  await housekeeping.stop();
  await vi.advanceTimersByTimeAsync(60 * minute);
  expect(times("uncounted_offices")).toBe(11);
});

test("goes on after a failure", async () => {
  const { housekeeping, warnings, times } = setup(() => Promise.reject(new Error("it is away")));
  await goBy(3);
  expect(times("uncounted_offices")).toBe(3);
  expect(warnings).toHaveLength(3);
  await housekeeping.stop();
});

import { TimeoutManager } from "office-server/services/scheduler/TimeoutManager.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const minute = 60_000;
const day = 24 * 60 * minute;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function createManager() {
  const stopped: string[] = [];
  return { stopped, manager: new TimeoutManager((executionId) => stopped.push(executionId)) };
}

test("a session is stopped at its deadline, once", () => {
  const { manager, stopped } = createManager();
  manager.setTimer("a", minute);
  vi.advanceTimersByTime(minute - 1);
  expect(stopped).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(stopped).toEqual(["a"]);
  vi.advanceTimersByTime(day);
  expect([stopped, manager.size]).toEqual([["a"], 0]);
});

test("each session has a deadline of its own", () => {
  const { manager, stopped } = createManager();
  manager.setTimer("slow", 3 * minute);
  manager.setTimer("fast", minute);
  vi.advanceTimersByTime(2 * minute);
  expect(stopped).toEqual(["fast"]);
  vi.advanceTimersByTime(minute);
  expect(stopped).toEqual(["fast", "slow"]);
});

test.each([
  ["later", 5 * minute],
  ["earlier", minute / 2],
])("a deadline that is moved to be %s replaces the one before", (_where, timeoutMs) => {
  const { manager, stopped } = createManager();
  manager.setTimer("a", minute);
  manager.setTimer("a", timeoutMs);
  vi.advanceTimersByTime(timeoutMs - 1);
  expect(stopped).toEqual([]);
  vi.advanceTimersByTime(day);
  expect(stopped).toEqual(["a"]);
});

test("a session that has ended is not stopped", () => {
  const { manager, stopped } = createManager();
  manager.setTimer("a", minute);
  manager.clearTimer("a");
  manager.clearTimer("a");
  manager.clearTimer("unknown");
  vi.advanceTimersByTime(day);
  expect([stopped, manager.size]).toEqual([[], 0]);
});

test("a deadline further away than 24.8 days does not come at once", () => {
  const { manager, stopped } = createManager();
  manager.setTimer("a", 366 * day);
  vi.advanceTimersByTime(366 * day - 1);
  expect(stopped).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(stopped).toEqual(["a"]);
});

test("a timeout that is told of twice stops once", () => {
  const { manager, stopped } = createManager();
  manager.setTimer("a", minute);
  manager.handleTimeout("a");
  manager.handleTimeout("a");
  vi.advanceTimersByTime(day);
  expect(stopped).toEqual(["a"]);
});

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inTime, pause, setLongTimer } from "../../src/platform/timers.ts";

const day = 24 * 60 * 60 * 1000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("fires once, when it is due", () => {
  const callback = vi.fn<() => void>();
  setLongTimer(callback, 1_000);
  vi.advanceTimersByTime(999);
  expect(callback).not.toHaveBeenCalled();
  vi.advanceTimersByTime(day);
  expect(callback).toHaveBeenCalledTimes(1);
});

test("waits for longer than a 32-bit delay can say", () => {
  const callback = vi.fn<() => void>();
  setLongTimer(callback, 60 * day);
  vi.advanceTimersByTime(60 * day - 1);
  expect(callback).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(callback).toHaveBeenCalledTimes(1);
});

test.each([10, 60 * day])("is called off, at any stage (%i ms)", (delayMs) => {
  const callback = vi.fn<() => void>();
  const timer = setLongTimer(callback, delayMs);
  vi.advanceTimersByTime(delayMs / 2);
  timer.cancel();
  timer.cancel();
  vi.advanceTimersByTime(delayMs);
  expect(callback).not.toHaveBeenCalled();
});

test("a time that has passed is now", async () => {
  const due = pause(-5);
  vi.advanceTimersByTime(0);
  await expect(due).resolves.toBeUndefined();
});

describe("what is waited for so long and no longer", () => {
  test("is there in time", async () => {
    await expect(inTime(Promise.resolve(7), 10)).resolves.toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is not, and may fail later on", async () => {
    const { promise, reject } = Promise.withResolvers<number>();
    const answer = inTime(promise, 10);
    vi.advanceTimersByTime(10);
    await expect(answer).resolves.toBeNull();
    reject(new Error("too late to matter"));
  });

  test("fails in time", async () => {
    await expect(inTime(Promise.reject(new Error("broken")), 10)).rejects.toThrow("broken");
    expect(vi.getTimerCount()).toBe(0);
  });
});

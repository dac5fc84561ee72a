import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Troubles } from "../../src/run/troubles.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("each trouble is one plain line, and comes again only after a while of quiet", () => {
  const said: string[] = [];
  const troubles = new Troubles((text) => said.push(text));
  const outage = JSON.stringify({ level: 50, msg: "a pass failed", err: { message: "refused", stack: "at x" } });
  const other = JSON.stringify({ level: 50, msg: "could not look for work" });
  for (let seconds = 0; seconds < 60; seconds++) {
    troubles.write(outage);
    troubles.write(other);
    vi.advanceTimersByTime(1_000);
  }
  expect(said).toEqual(["a pass failed (refused)", "could not look for work"]);
  vi.advanceTimersByTime(30_000);
  troubles.write(outage);
  expect(said).toHaveLength(3);
});

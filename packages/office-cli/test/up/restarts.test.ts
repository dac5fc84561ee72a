import { expect, test } from "vitest";
import { nextRestart, type Restarts } from "../../src/up/restarts.ts";

test("a process that keeps ending is started again after longer and longer waits, up to half a minute", () => {
  let restarts: Restarts = { inARow: 0 };
  const delays: number[] = [];
  for (let end = 0; end < 10; end++) {
    const next = nextRestart(restarts, 1_000);
    delays.push(next.delayMs);
    ({ restarts } = next);
  }
  expect(delays).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
});

test("one that was up for a minute begins anew", () => {
  expect(nextRestart({ inARow: 7 }, 60_000)).toEqual({ delayMs: 200, restarts: { inARow: 1 } });
});

import { Pace } from "office-server/services/events/Pace.ts";
import { expect, test } from "vitest";

function setup(bytesPerSecond: number) {
  const clock = { nowMs: 1_000_000 };
  return { clock, pace: new Pace(bytesPerSecond, () => clock.nowMs) };
}

test("whoever writes little never waits", () => {
  const { clock, pace } = setup(1_000_000);
  for (let n = 0; n < 1_000; n += 1) {
    pace.spend(900);
    clock.nowMs += 1;
    expect(pace.restMs).toBe(0);
  }
});

test("beyond a burst, everybody waits in proportion to what has been written", () => {
  const { pace } = setup(1_000_000);
  pace.spend(250_000);
  expect(pace.restMs).toBe(0);
  pace.spend(500_000);
  expect(pace.restMs).toBe(500);
  pace.spend(1_000_000);
  expect(pace.restMs).toBe(1_500);
});

test("time that nobody used is not saved for later", () => {
  const { clock, pace } = setup(1_000_000);
  pace.spend(2_000_000);
  clock.nowMs += 60_000;
  expect(pace.restMs).toBe(0);
  pace.spend(2_000_000);
  expect(pace.restMs).toBe(1_750);
});

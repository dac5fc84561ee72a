import fc from "fast-check";
import { parseDuration } from "office-contract/duration.ts";
import { DURATION_MS_MAX } from "office-contract/limits.ts";
import { expect, test } from "vitest";

test.each([
  ["250ms", 250],
  ["90s", 90_000],
  ["30m", 1_800_000],
  ["1h30m", 5_400_000],
  ["2d", 172_800_000],
  ["1d2h3m4s5ms", 93_784_005],
  ["0s", 0],
  ["366d", DURATION_MS_MAX],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "5", "m", "-5m", "1.5h", "5 m", "30m1h", "5M", "1h1h", "367d", "9".repeat(400) + "d", "5m\n"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeNull();
  },
);

test("any sum of units is read as that sum", () => {
  const unit = fc.nat({ max: 50 });
  fc.assert(
    fc.property(unit, unit, unit, unit, unit, (d, h, m, s, ms) => {
      const expected = (((d * 24 + h) * 60 + m) * 60 + s) * 1000 + ms;
      expect(parseDuration(`${d}d${h}h${m}m${s}s${ms}ms`)).toBe(expected);
    }),
  );
});

test("time grows with the text, not faster", () => {
  expect(parseDuration("1".repeat(1_000_000))).toBeNull();
});

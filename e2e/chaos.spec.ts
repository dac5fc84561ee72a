import { expect, onTestFinished, test } from "vitest";
import { check } from "../chaos/history/check.ts";
import { FAULTS } from "../chaos/nemesis/faults.ts";
import { reportOn } from "../chaos/report.ts";
import { run } from "../chaos/run.ts";
import { World } from "../chaos/world/World.ts";

/** What needs more than every machine has: the right to mount, and libfaketime. */
const NOT_EVERYWHERE = new Set(["disk-full", "clock-jump"]);

test("a minute of chaos: nothing is lost, and nothing runs twice", { timeout: 400_000 }, async () => {
  const world = await World.start({ heartbeatMs: 500, fenceMs: 2_500, leaseMs: 5_000 });
  onTestFinished(() => world.remove());
  onTestFinished(() => world.stop());
  const result = await run({ world, seed: 7, durationMs: 60_000, offices: 2 });
  const { verdict, findings } = check(result.history);
  const report = reportOn(result, verdict, findings, world);
  expect(
    findings.filter((finding) => finding.verdict !== "valid"),
    report,
  ).toEqual([]);
  expect(result.orphans, report).toEqual([]);
  // There was something to survive, and something that went on.
  for (const { name } of FAULTS.filter((fault) => !NOT_EVERYWHERE.has(fault.name))) {
    const tried = (result.nemesis.counts.get(name) ?? 0) + (result.nemesis.skipped.get(name) ?? 0);
    expect(tried, `${name}\n${report}`).toBeGreaterThan(0);
  }
  expect(result.nemesis.faults, report).toBeGreaterThan(20);
  expect(result.history.sessions.length, report).toBeGreaterThan(300);
});

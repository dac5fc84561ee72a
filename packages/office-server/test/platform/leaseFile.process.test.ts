import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootTimeMs } from "office-server/platform/clock.ts";
import { LEASE_FILE, readLease, removeLease, removeOldLeases, writeLease } from "office-server/platform/leaseFile.ts";
import { expect, onTestFinished, test } from "vitest";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "office-leases-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("a lease is as long as it was last said to be, and then it is over", () => {
  const path = join(folder(), "sessions", `${LEASE_FILE}1`);
  expect(readLease(path)).toBeNull();
  writeLease(path, 12_345);
  expect(readLease(path)).toBe(12_345);
  writeLease(path, 1_234_567);
  expect(readLease(path)).toBe(1_234_567);
  expect(statSync(path)).toMatchObject({ size: 0, mode: 0o100600 });
  removeLease(path);
  removeLease(path);
  expect(readLease(path)).toBeNull();
});

test("what is left of those that were over long ago goes", () => {
  const path = folder();
  const name = (what: string): string => join(path, `${LEASE_FILE}${what}`);
  writeFileSync(join(path, "other"), "");
  writeLease(name("held"), bootTimeMs() + 15_000);
  writeLease(name("just-over"), bootTimeMs() - 15_000);
  writeLease(name("of-before-the-boot"), bootTimeMs() + 86_400_000);
  writeLease(name("long-over"), 0);
  removeOldLeases(path);
  const left = readdirSync(path);
  // A machine that was booted a moment ago has no lease that was over long ago.
  expect(left.filter((entry) => !entry.endsWith("long-over")).toSorted()).toEqual([
    `${LEASE_FILE}held`,
    `${LEASE_FILE}just-over`,
    "other",
  ]);
});

test("the clock of the boot goes forward", () => {
  const before = bootTimeMs();
  expect(before).toBeGreaterThan(0);
  expect(bootTimeMs()).toBeGreaterThanOrEqual(before);
});

import type { JobState } from "office-contract/vocabulary.ts";
import { blockedJobs, isStandstill, type JobProgress } from "office-server/domain/standstill.ts";
import { expect, test } from "vitest";

const job = (id: string, status: JobState, ...dependsOn: string[]): JobProgress => ({ id, status, dependsOn });

test("what waits for a bad end is blocked, and what waits for that as well", () => {
  const jobs = [
    job("a", "failed"),
    job("b", "done"),
    job("c", "pending", "a", "b"),
    job("d", "pending", "c"),
    job("e", "pending", "b"),
    job("f", "pending", "d", "a"),
  ];
  expect(blockedJobs(jobs)).toEqual(
    new Map([
      ["c", ["a"]],
      ["f", ["a", "d"]],
      ["d", ["c"]],
    ]),
  );
  expect(isStandstill(jobs)).toBe(false);
});

test.each<[string, boolean, JobProgress[]]>([
  ["only blocked jobs are left", true, [job("a", "timeout"), job("b", "pending", "a"), job("c", "pending", "b")]],
  ["nothing is left", false, [job("a", "failed"), job("b", "cancelled", "a")]],
  ["a job waits for its retry", false, [job("a", "failed"), job("b", "pending", "a"), job("c", "pending")]],
  ["a job runs", false, [job("a", "failed"), job("b", "pending", "a"), job("c", "processing")]],
  ["nothing came to a bad end", false, [job("a", "processing"), job("b", "pending", "a")]],
])("%s: %s", (_, expected, jobs) => {
  expect(isStandstill(jobs)).toBe(expected);
});

test("a chain of 100,000 blocked jobs", () => {
  const chain = Array.from({ length: 100_000 }, (_, index) => job(`${index + 1}`, "pending", `${index}`));
  expect(isStandstill([job("0", "failed"), ...chain])).toBe(true);
});

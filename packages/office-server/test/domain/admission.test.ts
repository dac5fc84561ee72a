import fc from "fast-check";
import {
  admit,
  availableSlots,
  type ConcurrencyLimits,
  compareReadyJobs,
  type ReadyJob,
} from "office-server/domain/admission.ts";
import { describe, expect, test } from "vitest";

const job = (id: string, overrides: Partial<ReadyJob> = {}): ReadyJob => ({
  id,
  role: "BE",
  priority: 0,
  createdAtMs: 0,
  ...overrides,
});

const ROLES = ["BE", "FE", "QA", "__proto__"];
const readyJobs = fc.uniqueArray(
  fc.record({
    id: fc.uuid(),
    role: fc.constantFrom(...ROLES),
    priority: fc.integer({ min: -2, max: 2 }),
    createdAtMs: fc.nat({ max: 3 }),
  }),
  { selector: ({ id }) => id, maxLength: 20 },
);
const limits = fc.record({
  maxConcurrentJobs: fc.integer({ min: 1, max: 8 }),
  maxConcurrentByRole: fc.dictionary(fc.constantFrom("BE", "FE", "QA"), fc.integer({ min: 1, max: 4 })),
});
const running = fc.array(fc.constantFrom(...ROLES), { maxLength: 10 });

const limitOf = ({ maxConcurrentByRole }: ConcurrencyLimits, role: string): number =>
  new Map(Object.entries(maxConcurrentByRole)).get(role) ?? Infinity;
const idsOf = (jobs: readonly ReadyJob[]): string[] => jobs.map(({ id }) => id);
const countOf = (roles: readonly string[], role: string): number => roles.filter((name) => name === role).length;

describe("free slots", () => {
  test("are what the limits leave, never less than none", () => {
    const slots = availableSlots({ maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 1, FE: 2 } }, [
      "BE",
      "BE",
      "QA",
      "QA",
    ]);
    expect(slots).toEqual({
      office: 0,
      byRole: new Map([
        ["BE", 0],
        ["FE", 2],
      ]),
    });
  });

  test("a role without a limit of its own is not counted", () => {
    const slots = availableSlots({ maxConcurrentJobs: 3, maxConcurrentByRole: {} }, ["QA"]);
    expect(slots).toEqual({ office: 2, byRole: new Map() });
  });
});

describe("the order", () => {
  test("is priority, then created_at, then id", () => {
    const jobs = [
      job("d", { priority: 1 }),
      job("c", { createdAtMs: 5 }),
      job("b"),
      job("a"),
      job("e", { priority: -1, createdAtMs: 9 }),
    ];
    expect(idsOf(jobs.toSorted(compareReadyJobs))).toEqual(["e", "a", "b", "c", "d"]);
  });

  test("is total: jobs in any order come out the same", () => {
    fc.assert(
      fc.property(
        readyJobs.chain((jobs) => fc.tuple(fc.constant(jobs), fc.shuffledSubarray(jobs, { minLength: jobs.length }))),
        ([jobs, shuffled]) => {
          expect(shuffled.toSorted(compareReadyJobs)).toEqual(jobs.toSorted(compareReadyJobs));
        },
      ),
    );
  });
});

describe("admission", () => {
  test("a full role is passed over and blocks nobody behind it", () => {
    const slots = { office: 2, byRole: new Map([["BE", 1]]) };
    const admitted = admit([job("1"), job("2"), job("3"), job("4", { role: "FE", priority: 9 })], slots);
    expect(idsOf(admitted)).toEqual(["1", "4"]);
  });

  test("an urgent job overtakes", () => {
    expect(idsOf(admit([job("1"), job("2", { priority: -5 })], { office: 1, byRole: new Map() }))).toEqual(["2"]);
  });

  test("keeps within all limits, in order", () => {
    fc.assert(
      fc.property(readyJobs, limits, running, (ready, config, roles) => {
        const admitted = admit(ready, availableSlots(config, roles));
        const after = [...roles, ...admitted.map(({ role }) => role)];
        if (admitted.length > 0) expect(after.length).toBeLessThanOrEqual(config.maxConcurrentJobs);
        for (const { role } of admitted) expect(countOf(after, role)).toBeLessThanOrEqual(limitOf(config, role));
        expect(admitted).toEqual(admitted.toSorted(compareReadyJobs));
        expect(new Set(idsOf(admitted)).size).toBe(admitted.length);
      }),
    );
  });

  test("passes over a job only for want of a slot, taken by what comes before it", () => {
    fc.assert(
      fc.property(readyJobs, limits, running, (ready, config, roles) => {
        const admitted = admit(ready, availableSlots(config, roles));
        for (const left of ready.filter((candidate) => !admitted.includes(candidate))) {
          const before = admitted.filter((other) => compareReadyJobs(other, left) < 0);
          const taken = [...roles, ...before.map(({ role }) => role)];
          const officeIsFull = taken.length >= config.maxConcurrentJobs;
          const roleIsFull = countOf(taken, left.role) >= limitOf(config, left.role);
          expect(officeIsFull || roleIsFull).toBe(true);
        }
      }),
    );
  });
});

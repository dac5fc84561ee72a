import fc from "fast-check";
import { Claim, Configure, Control, Finish, Forge, Heartbeat, KillWorker, PassTime, Submit } from "./commands.ts";
import type { ModelEnd, OfficeModel } from "./OfficeModel.ts";
import type { Subject } from "./Step.ts";

const which = fc.nat({ max: 40 });
const worker = fc.constantFrom("a", "b", "c");
const end: fc.Arbitrary<ModelEnd> = fc.oneof(
  fc.constantFrom<ModelEnd>({ kind: "completed" }, { kind: "completed" }, { kind: "failed" }, { kind: "timed out" }),
  fc.constantFrom<ModelEnd>({ kind: "interrupted" }, { kind: "retrying", delayMs: 0 }),
  fc.constant<ModelEnd>({ kind: "retrying", delayMs: 3_600_000 }),
);
const job = fc.record({
  role: fc.constantFrom("BE", "FE"),
  priority: fc.integer({ min: -2, max: 2 }),
  dependsOn: fc.array(which, { maxLength: 3 }),
});

/** Everything that may happen, in any order. */
export const anyCommands = fc.commands<OfficeModel, Subject, false>(
  [
    fc.array(job, { minLength: 1, maxLength: 4 }).map((jobs) => new Submit(jobs)),
    fc.tuple(worker, fc.integer({ min: 1, max: 4 })).map(([name, max]) => new Claim(name, max, false)),
    fc.tuple(worker, fc.integer({ min: 1, max: 4 })).map(([name, max]) => new Claim(name, max, true)),
    fc.tuple(worker, fc.constant(10)).map(([name, max]) => new Claim(name, max, false)),
    fc.tuple(which, end).map(([number, how]) => new Finish(number, how)),
    fc.tuple(which, end).map(([number, how]) => new Finish(number, how)),
    which.map((number) => new Forge(number)),
    which.map((number) => new Control("cancel", number)),
    which.map((number) => new Control("retry", number)),
    which.map((number) => new Control("retry alone", number)),
    which.map((number) => new Control("prioritise", number)),
    worker.map((name) => new KillWorker(name)),
    worker.map((name) => new Heartbeat(name)),
    fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.boolean())
      .map(([limit, role, paused]) => new Configure(limit, role, paused)),
    fc.integer({ min: 1, max: 2 }).map((hours) => new PassTime(hours)),
  ],
  { maxCommands: 40, size: "max" },
);

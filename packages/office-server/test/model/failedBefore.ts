import { Claim, Control, Finish, KillWorker, PassTime, Submit } from "./commands.ts";
import type { Step } from "./Step.ts";

const job = (...dependsOn: number[]) => ({ role: "BE", priority: 0, dependsOn });

/**
 * What has failed once, to be tried first for ever: the commands that fast-check shrank it to. (A seed and its path would mean
 * something else as soon as there is a new command.)
 */
export const FAILED_BEFORE: readonly { name: string; commands: readonly Step[] }[] = [
  {
    name: "a job that depends on two that end badly is cancelled for the older one, and comes back with that",
    commands: [
      new Submit([job(), job()]),
      new Submit([job(0), job(0, 17), job()]),
      new Control("cancel", 0),
      new Control("retry", 2),
    ],
  },
  {
    name: "the loss of a worker that runs nothing looks for nothing that is due",
    commands: [
      new Submit([job()]),
      new Claim("a", 10, false),
      new Finish(0, { kind: "retrying", delayMs: 3_600_000 }),
      new PassTime(1),
      new KillWorker("a"),
    ],
  },
];

/**
 * Breaks everything that can break while jobs are being run, and judges what came of it by what everybody but the scheduler
 * has seen. Usage: npm run chaos -- [--minutes 10] [--seed 7] [--keep]
 */
import { parseArgs } from "node:util";
import { check } from "./history/check.ts";
import { reportOn } from "./report.ts";
import { run } from "./run.ts";
import { World } from "./world/World.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "7" },
    offices: { type: "string", default: "8" },
    keep: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const offices = Number(values.offices);
if (!(minutes > 0) || !Number.isInteger(seed) || !Number.isInteger(offices) || offices < 1) {
  console.error("--minutes must be a positive number, --seed and --offices whole ones");
  process.exit(2);
}
const world = await World.start({ heartbeatMs: 5_000, fenceMs: 15_000, leaseMs: 20_000 });
console.log(`seed ${seed}, ${minutes} minutes, in ${world.folder}`);
let isValid = false;
const giveUp = (why: unknown): void => {
  console.error(why);
  void world.stop().finally(() => process.exit(1));
};
process.on("uncaughtException", giveUp).on("unhandledRejection", giveUp);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, giveUp);
try {
  const result = await run({ world, seed, durationMs: minutes * 60_000, offices });
  const { verdict, findings } = check(result.history);
  isValid = verdict === "valid" && result.orphans.length === 0;
  console.log(reportOn(result, verdict, findings, world));
} finally {
  await world.stop();
  if (values.keep) console.log(`kept: ${world.folder}`);
  else world.remove();
}
process.exit(isValid ? 0 : 1);

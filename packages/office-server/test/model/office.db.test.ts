import fc from "fast-check";
import type { Database } from "office-server/db/connection.ts";
import { describe, expect, test } from "vitest";
import { setupFile, sql, type World } from "../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../test/support/soundness.ts";
import { anyCommands } from "./anyCommands.ts";
import { FAILED_BEFORE } from "./failedBefore.ts";
import { OfficeModel } from "./OfficeModel.ts";
import { LOSSES_MAX, Subject } from "./Step.ts";

/** `npm run soak:model` says for how long; the suite takes a look. */
const SOAK_MINUTES = Number(process.env["SOAK_MINUTES"] ?? 0);
const soak = { numRuns: 1_000_000, interruptAfterTimeLimit: SOAK_MINUTES * 60_000 };
const RUNS = SOAK_MINUTES > 0 ? soak : { numRuns: 60 };

/** The database does what the model does, whatever happens. */
async function holdAgainstModel(
  world: World,
  database: Database,
  commands: Iterable<fc.AsyncCommand<OfficeModel, Subject>>,
): Promise<void> {
  const office = await world.createOffice({ maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 2 } }, database);
  await sql(office, "SELECT set_config('office.clock_offset', '', false)");
  const setup = () => ({ model: new OfficeModel(3, { BE: 2 }, LOSSES_MAX), real: new Subject(office) });
  await fc.asyncModelRun(setup, commands);
  await expect(problemsOf(office)).resolves.toEqual([]);
}

describe.each([
  { name: "an office does what the model says", checkpoints: false },
  { name: "an office that goes by checkpoints does what the model says", checkpoints: true },
])("$name", ({ checkpoints }) => {
  const world = setupFile({ checkpoints });

  test.each(FAILED_BEFORE)("$name", async ({ commands }) => {
    await expect(holdAgainstModel(world(), world().connect(1), commands)).resolves.toBeUndefined();
  });

  test(
    "whatever happens in whatever order",
    async () => {
      const database = world().connect(1);
      const property = fc.asyncProperty(anyCommands, (commands) => holdAgainstModel(world(), database, commands));
      await expect(fc.assert(property, RUNS)).resolves.toBeUndefined();
    },
    SOAK_MINUTES * 60_000 + 60_000,
  );
});

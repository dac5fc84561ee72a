import { describe, expect, test } from "vitest";
import { setup } from "../../../../test/support/scheduler.ts";
import { MUTANTS } from "./mutants.ts";

// A test that cannot fail says nothing. These are the mistakes that schedulers are known for, made on purpose.

describe.each(MUTANTS)("$name", ({ scenario, apply }) => {
  test("is noticed", async () => {
    const world = await apply(await setup());
    // By the model or a checker, and not since something broke on the way.
    await expect(scenario(world)).rejects.toMatchObject({ name: "AssertionError" });
  });

  test("is not there", async () => {
    await expect(scenario(await setup())).resolves.toBeUndefined();
  });
});

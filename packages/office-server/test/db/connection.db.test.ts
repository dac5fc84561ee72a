import { expect, test } from "vitest";
import { setup, sql } from "../../../../test/support/scheduler.ts";

test("times are read right in a database that writes them in its own style", async () => {
  const world = await setup();
  await sql(world, `ALTER DATABASE ${new URL(world.url).pathname.slice(1)} SET datestyle = 'German'`);
  const rows = await sql({ database: world.connect() }, "SELECT '2031-02-03 04:05:06.789+00'::timestamptz AS at");
  expect(rows).toEqual([{ at: new Date("2031-02-03T04:05:06.789Z") }]);
});

import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../../../../test/support/database.ts";
import { acquireDatabase } from "../../src/db/acquireDatabase.ts";

async function setup() {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  return { url, officeHome: "/nonexistent" };
}

test("DATABASE_URL is used as it is, and left running", async () => {
  const { url, officeHome } = await setup();
  const database = await acquireDatabase({ databaseUrl: url, officeHome });
  expect(database.url).toBe(url);
  await database.release();
  await (await acquireDatabase({ databaseUrl: url, officeHome })).release();
});

test("a DATABASE_URL that leads nowhere is named without its password", async () => {
  const { url, officeHome } = await setup();
  const nowhere = new URL("/nowhere", url);
  const attempt = acquireDatabase({ databaseUrl: nowhere.href, officeHome });
  await expect(attempt).rejects.toThrow(
    /DATABASE_URL .*:\*\*\*@.* takes no connection: database "nowhere" does not exist/,
  );
});

test("each test database is its own, with every migration applied", async () => {
  const databases = [await setup(), await setup()];
  const tables = databases.map(async ({ url }, at) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`CREATE TABLE mine_${at} ()`);
    const { rows } = await client.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relname LIKE 'mine_%' OR relname = 'job_queue' ORDER BY 1",
    );
    await client.end();
    return rows.map(({ name }) => name);
  });
  expect(await Promise.all(tables)).toEqual([
    ["job_queue", "mine_0"],
    ["job_queue", "mine_1"],
  ]);
});

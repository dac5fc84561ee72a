import { join } from "node:path";
import pg from "pg";
import { expect, test } from "vitest";
import { problemsOf } from "./support/history.ts";
import { setup } from "./support/officeFolder.ts";
import { expectationsOf } from "./support/planFile.ts";

const hello = join(import.meta.dirname, "../examples/hello.yaml");

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

test("a schema of one's own is made, and nothing is written to any other", async () => {
  const folder = await setup({ environment: { DATABASE_SCHEMA: "my_office" } });
  const url = folder.environment["DATABASE_URL"] ?? "";
  const run = await folder.run(hello);
  expect(await run.exit, run.stderr).toBe(0);
  expect(problemsOf(run.events, await expectationsOf(hello))).toEqual([]);
  expect(await query(url, "SELECT status, count(*)::int FROM my_office.job_queue GROUP BY 1")).toEqual([
    { status: "done", count: 4 },
  ]);
  expect(await query(url, "SELECT count(*)::int FROM public.job_queue")).toEqual([{ count: 0 }]);
  // The database is not ours to start.
  expect(folder.has(".office/postgres")).toBe(false);
});

test("what is stored is what was printed", async () => {
  const folder = await setup();
  const run = await folder.run(hello);
  const rows = await query(
    folder.environment["DATABASE_URL"] ?? "",
    "SELECT seq::int, type, job_key FROM job_events ORDER BY seq",
  );
  expect(rows).toEqual(run.events.map(({ seq, type, job_key }) => ({ seq, type, job_key })));
});

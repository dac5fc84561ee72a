import { activeOffices } from "office-server/db/queries/activeOffices.ts";
import { externalDue } from "office-server/db/queries/externalDue.ts";
import { officeStats } from "office-server/db/queries/officeStats.ts";
import { executionOrders } from "office-server/db/queries/executionOrders.ts";
import type { Queryable } from "office-server/db/connection.ts";
import { expect, test } from "vitest";
import { setupFile, sql } from "../../../../test/support/scheduler.ts";

const world = setupFile();

const LOOKS: readonly (readonly [name: string, look: (database: Queryable, officeId: string) => Promise<unknown>])[] = [
  ["for work in all offices", (database) => activeOffices(database)],
  ["for external sessions that are silent", (database) => externalDue(database)],
  ["for orders to running sessions", (database) => executionOrders(database, "worker")],
  ["at an office's figures", (database, officeId) => officeStats(database, officeId)],
];

test("what is looked for again and again costs no look at what is finished, whatever the statistics say", async () => {
  const [office] = [await world().createOffice(), await world().createOffice()];
  await sql(
    world(),
    `WITH job AS (
       INSERT INTO job_queue (office_id, title, status, admitted, attempt, created_at, completed_at)
       SELECT $1, 'Old job', 'done', true, 1, now() - make_interval(secs => n), now() FROM generate_series(1, 30000) AS n
       RETURNING id, office_id
     )
     INSERT INTO job_executions (id, job_id, office_id, role, attempt, status, worker_id, fencing_token, timeout_ms, started_at, ended_at)
     SELECT execution_id(id, 1), id, office_id, 'BE', 1, 'completed', 'worker', 0, 1000, now(), now() FROM job`,
    [office.id],
  );
  const rowsRead = async (look: (database: Queryable, officeId: string) => Promise<unknown>): Promise<unknown> => {
    const database = world().connect(1);
    return database.transaction(async (transaction) => {
      await look(transaction, office.id);
      const tables =
        "pg_stat_get_xact_tuples_returned('job_queue'::regclass) + pg_stat_get_xact_tuples_returned('job_executions'::regclass)";
      return (await transaction.query("", `SELECT (${tables})::integer AS rows`))[0]?.["rows"];
    });
  };
  const read = async () =>
    Object.fromEntries(await Promise.all(LOOKS.map(async ([name, look]) => [name, await rowsRead(look)] as const)));
  const nothing = Object.fromEntries(LOOKS.map(([name]) => [name, 0]));
  expect(await read()).toEqual(nothing);
  await sql(world(), "ANALYZE");
  expect(await read()).toEqual(nothing);
});

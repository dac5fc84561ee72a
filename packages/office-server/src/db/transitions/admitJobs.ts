import type { Database, Queryable } from "../connection.ts";
import { belongsElsewhere } from "../../domain/intake.ts";
import { storableJson } from "../storableJson.ts";
import { lockOffices } from "./lockOffices.ts";

/** A row that is not taken in yet, or that such a row waits for, with what it depends on. */
interface WaitingRow {
  id: string;
  key: string | null;
  title: string;
  admitted: boolean;
  /** False for a row that came in finished. */
  waits: boolean;
  dependsOn: string[];
  elsewhere: string[];
}

/** Of some waiting jobs, those that can never run, with the reason. */
type Judge = (jobs: readonly WaitingRow[]) => ReadonlyMap<string, string>;

// Everything that is not taken in yet, and every waiting job that it hangs on, over any number of edges: a new row may
// close a cycle through old ones.
const WAITING = `
  WITH RECURSIVE waiting (id) AS (
    SELECT j.id FROM job_queue j WHERE j.office_id = $1 AND NOT j.admitted
    UNION
    SELECT j.id FROM waiting w JOIN job_queue x ON x.id = w.id CROSS JOIN unnest(x.depends_on) AS d(id)
    JOIN job_queue j ON j.id = d.id AND j.office_id = $1 AND j.status = 'pending'
  )
  SELECT j.id, j.key, j.title, j.admitted, j.status = 'pending' AS waits, j.depends_on AS "dependsOn",
    ARRAY(SELECT o.id FROM unnest(j.depends_on) AS d(id) JOIN job_queue o ON o.id = d.id AND o.office_id <> $1) AS elsewhere
  FROM waiting w JOIN job_queue j ON j.id = w.id ORDER BY j.created_at, j.id`;

const BY_INDEX = `SELECT set_config(s, 'off', true)
  FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_bitmapscan']) AS s`;

/** An old database may hold a million rows, which are taken in once. */
const PATIENT = { timeoutMs: 3_600_000 };

/** Takes in an office's rows from elsewhere, in one transaction under the office's lock: see admit_jobs.sql. */
export async function admitForeignJobs(database: Database, officeId: string, judge: Judge): Promise<number> {
  const fresh = await admitRows(database, officeId, judge);
  if (fresh.length > 0) await failDependentsElsewhere(database, officeId, fresh);
  return fresh.length;
}

const admitRows = (database: Database, officeId: string, judge: Judge): Promise<string[]> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    await transaction.query("no_statement_timeout", "SET LOCAL statement_timeout = 0");
    // The walk is over a few rows of a table that may be new and large: by its indexes, whatever the statistics say.
    await transaction.query("by_index", BY_INDEX);
    const rows = await transaction.query<WaitingRow>("waiting_jobs", WAITING, [officeId], PATIENT);
    const fresh = rows.filter((row) => !row.admitted).map((row) => row.id);
    if (fresh.length === 0) return fresh;
    const invalid = judge(rows.filter((row) => row.waits));
    await admit(transaction, officeId, fresh, invalid);
    return fresh;
  });

/** Jobs of other offices that were waiting for these rows, before it could be known whose they are. */
async function failDependentsElsewhere(database: Database, officeId: string, fresh: readonly string[]): Promise<void> {
  const rows = await database.query<{ id: string; office_id: string; depends_on_id: string }>(
    "dependents_elsewhere",
    `SELECT j.id, j.office_id, d.depends_on_id FROM job_dependencies d JOIN job_queue j ON j.id = d.job_id
     WHERE d.depends_on_id = ANY ($2) AND j.office_id <> $1 AND j.status = 'pending'`,
    [officeId, fresh],
  );
  for (const { id, office_id: office, depends_on_id: dependency } of rows) {
    await database.transaction(async (transaction) => {
      await lockOffices(transaction, [office]);
      await admit(transaction, office, [], new Map([[id, belongsElsewhere(dependency)]]));
    });
  }
}

const admit = (
  transaction: Queryable,
  officeId: string,
  jobIds: readonly string[],
  invalid: ReadonlyMap<string, string>,
) =>
  transaction.query(
    "admit_jobs",
    "SELECT admit_jobs($1, $2, $3)",
    [officeId, jobIds, storableJson(Object.fromEntries(invalid))],
    PATIENT,
  );

import type { JobSchedulerConfig } from "office-contract/config.ts";
import type { Queryable } from "../connection.ts";

export interface OfficeRow {
  id: string;
  name: string;
  description: string | null;
  github_org: string | null;
  github_repo: string | null;
  repo_path: string | null;
  /** An older office may have a word of its own. */
  status: string;
  metadata: unknown;
  /** Names of roles. */
  roles: string[];
  created_at: Date;
  updated_at: Date;
  /** `created_at` with its microseconds, in UTC. */
  created_at_text: string;
}

/** The columns of an OfficeRow. */
export const OFFICE_COLUMNS = `id, name, description, github_org, github_repo, repo_path, status, metadata,
  ARRAY(SELECT jsonb_object_keys(roles) ORDER BY 1) AS roles, created_at, updated_at,
  (created_at AT TIME ZONE 'UTC')::text || '+00' AS created_at_text`;

export async function officeExists(database: Queryable, officeId: string): Promise<boolean> {
  const rows = await database.query("office_exists", "SELECT 1 FROM offices WHERE id = $1", [officeId]);
  return rows.length > 0;
}

export async function officeById(database: Queryable, officeId: string): Promise<OfficeRow | null> {
  const [row] = await database.query<OfficeRow>("office_by_id", `SELECT ${OFFICE_COLUMNS} FROM offices WHERE id = $1`, [
    officeId,
  ]);
  return row ?? null;
}

export interface OfficeFilter {
  /** Only this one. */
  officeId: string | null;
  name: string | null;
  /** Only those that come after it. */
  after: { at: string; id: string } | null;
  limit: number;
}

/** Offices, the newest first. */
export const findOffices = (
  database: Queryable,
  { officeId, name, after, limit }: OfficeFilter,
): Promise<OfficeRow[]> =>
  database.query<OfficeRow>(
    "find_offices",
    `SELECT ${OFFICE_COLUMNS} FROM offices
     WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR name = $2)
       AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
     ORDER BY created_at DESC, id DESC LIMIT $5`,
    [officeId, name, after?.at ?? null, after?.id ?? null, limit],
  );

export async function officeConfig(database: Queryable, officeId: string): Promise<JobSchedulerConfig | null> {
  const [row] = await database.query<{ config: JobSchedulerConfig }>(
    "office_config",
    "SELECT scheduler_config AS config FROM offices WHERE id = $1",
    [officeId],
  );
  return row?.config ?? null;
}

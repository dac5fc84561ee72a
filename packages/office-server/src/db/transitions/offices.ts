import type { JobSchedulerConfig, JobSchedulerConfigPatch } from "office-contract/config.ts";
import { effectiveConfig } from "office-contract/config.ts";
import type { SessionSpec } from "office-contract/session.ts";
import type { OfficeState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";
import { OFFICE_COLUMNS, type OfficeRow, officeConfig } from "../queries/offices.ts";
import { storableJson } from "../storableJson.ts";

/** What may be set of an office. What is undefined stays as it is. */
export interface OfficeFields {
  name?: string | undefined;
  description?: string | null | undefined;
  github_org?: string | null | undefined;
  github_repo?: string | null | undefined;
  repo_path?: string | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  /** How roles are run; replaced as a whole. */
  roles?: Readonly<Record<string, SessionSpec>> | undefined;
  status?: OfficeState | undefined;
}

/** Stores a new office with the default settings. Part of the caller's transaction. */
export async function insertOffice(
  transaction: Queryable,
  fields: OfficeFields & { name: string },
): Promise<OfficeRow> {
  const [row] = await transaction.query<OfficeRow>(
    "insert_office",
    `INSERT INTO offices (name, description, github_org, github_repo, repo_path, metadata, roles)
     SELECT f ->> 'name', f ->> 'description', f ->> 'github_org', f ->> 'github_repo', f ->> 'repo_path',
       NULLIF(f -> 'metadata', 'null'), COALESCE(f -> 'roles', '{}') FROM (SELECT $1::jsonb AS f) x RETURNING ${OFFICE_COLUMNS}`,
    [storableJson(fields)],
  );
  if (row === undefined) throw new Error("the office was not stored");
  return row;
}

/** Changes an office. Part of the caller's transaction, which must hold its lock. Null: there is no such office. */
export async function updateOffice(
  transaction: Queryable,
  officeId: string,
  fields: OfficeFields,
): Promise<OfficeRow | null> {
  const [row] = await transaction.query<OfficeRow>(
    "update_office",
    `UPDATE offices o SET
       name = CASE WHEN f ? 'name' THEN f ->> 'name' ELSE o.name END,
       description = CASE WHEN f ? 'description' THEN f ->> 'description' ELSE o.description END,
       github_org = CASE WHEN f ? 'github_org' THEN f ->> 'github_org' ELSE o.github_org END,
       github_repo = CASE WHEN f ? 'github_repo' THEN f ->> 'github_repo' ELSE o.github_repo END,
       repo_path = CASE WHEN f ? 'repo_path' THEN f ->> 'repo_path' ELSE o.repo_path END,
       metadata = CASE WHEN f ? 'metadata' THEN NULLIF(f -> 'metadata', 'null') ELSE o.metadata END,
       roles = CASE WHEN f ? 'roles' THEN f -> 'roles' ELSE o.roles END,
       status = CASE WHEN f ? 'status' THEN f ->> 'status' ELSE o.status END,
       updated_at = now()
     FROM (SELECT $2::jsonb AS f) x WHERE o.id = $1 RETURNING ${OFFICE_COLUMNS}`,
    [officeId, storableJson(fields)],
  );
  return row ?? null;
}

/** Changes settings of an office. Part of the caller's transaction, which must hold its lock. Null: there is no such office. */
export async function configureOffice(
  transaction: Queryable,
  officeId: string,
  patch: JobSchedulerConfigPatch,
): Promise<JobSchedulerConfig | null> {
  const config = await officeConfig(transaction, officeId);
  if (config === null) return null;
  const changed = effectiveConfig({ ...config, ...patch });
  await transaction.query(
    "reconfigure_office",
    "UPDATE offices SET scheduler_config = $2, updated_at = now() WHERE id = $1",
    [officeId, storableJson(changed)],
  );
  return changed;
}

/**
 * Deletes an office with all that is in it, unless it has live executions: false. Part of the caller's transaction, which
 * must hold its lock.
 */
export async function deleteOffice(transaction: Queryable, officeId: string): Promise<boolean> {
  const rows = await transaction.query(
    "delete_office",
    `DELETE FROM offices o WHERE o.id = $1
       AND NOT EXISTS (SELECT 1 FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL) RETURNING 1`,
    [officeId],
  );
  return rows.length > 0;
}

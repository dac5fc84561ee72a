import type { JobSchedulerConfig, JobSchedulerConfigPatch } from "office-contract/config.ts";
import { effectiveConfig } from "office-contract/config.ts";
import type { SessionSpec } from "office-contract/session.ts";
import type { Queryable } from "../connection.ts";
import { storableJson } from "../storableJson.ts";

// Names are not unique in an adopted database, so that two processes that create one at once need a lock of their own.
const NAME_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('office ' || $1, 0))";

/** Makes others who create an office of this name wait for the end of the caller's transaction. */
export async function lockOfficeName(transaction: Queryable, name: string): Promise<void> {
  await transaction.query("lock_office_name", NAME_LOCK, [name]);
}

export interface OfficeSettings {
  name: string;
  config: JobSchedulerConfigPatch;
  /** How roles are run. */
  roles: Readonly<Record<string, SessionSpec>>;
  /**
   * The plan file (absolute) that the office would be there for alone. One that was made for it is as it says; over what any
   * other office has, both are laid.
   */
  onlyFor?: string;
}

interface OfficeByName {
  id: string;
  status: string;
  scheduler_config: JobSchedulerConfig;
  plan: string | null;
}

export interface Office {
  id: string;
  config: JobSchedulerConfig;
  isPaused: boolean;
}

/** Finds an office by name, or creates it, and applies settings to it. Part of the caller's transaction. */
export async function ensureOffice(
  transaction: Queryable,
  { name, config, roles, onlyFor }: OfficeSettings,
): Promise<Office> {
  await lockOfficeName(transaction, name);
  const [office] = await transaction.query<OfficeByName>(
    "office_by_name",
    "SELECT id, status, scheduler_config, metadata ->> 'plan' AS plan FROM offices WHERE name = $1 ORDER BY created_at, id LIMIT 1 FOR NO KEY UPDATE",
    [name],
  );
  const keep = onlyFor === undefined || office?.plan !== onlyFor;
  const effective = effectiveConfig(keep ? { ...office?.scheduler_config, ...config } : config);
  const settings = storableJson(effective);
  const [row] =
    office === undefined
      ? await transaction.query<{ id: string }>(
          "create_office",
          `INSERT INTO offices (name, scheduler_config, roles, metadata)
           VALUES ($1, $2, $3, CASE WHEN $4::text IS NOT NULL THEN jsonb_build_object('plan', $4::text) END) RETURNING id`,
          [name, settings, storableJson(roles), onlyFor ?? null],
        )
      : await transaction.query<{ id: string }>(
          "configure_office",
          `UPDATE offices SET scheduler_config = $2, roles = CASE WHEN $4 THEN roles ELSE '{}' END || $3, updated_at = now()
           WHERE id = $1 RETURNING id`,
          [office.id, settings, storableJson(roles), keep],
        );
  if (row === undefined) throw new Error("the office was not stored");
  return { id: row.id, config: effective, isPaused: office?.status === "paused" };
}

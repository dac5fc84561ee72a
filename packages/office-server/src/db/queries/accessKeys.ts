import type { KeyAccess } from "office-contract/api/access.ts";
import type { Queryable } from "../connection.ts";

export interface KeyRow {
  id: string;
  name: string;
  office_id: string | null;
  access: KeyAccess;
  created_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

const COLUMNS = "id, name, office_id, access, created_at, last_used_at, revoked_at";

/** The key of which this is the hash, revoked or not. */
export async function keyByHash(database: Queryable, hash: Buffer): Promise<KeyRow | null> {
  const [row] = await database.query<KeyRow>("key_by_hash", `SELECT ${COLUMNS} FROM scheduler_keys WHERE hash = $1`, [
    hash,
  ]);
  return row ?? null;
}

export const allKeys = (database: Queryable): Promise<KeyRow[]> =>
  database.query<KeyRow>("all_keys", `SELECT ${COLUMNS} FROM scheduler_keys ORDER BY created_at, id`);

export interface NewKey {
  name: string;
  hash: Buffer;
  officeId: string | null;
  access: KeyAccess;
}

/** Stores a key; one that is there already stays as it is. Null: it is. */
export async function insertKey(database: Queryable, { name, hash, officeId, access }: NewKey): Promise<KeyRow | null> {
  const [row] = await database.query<KeyRow>(
    "insert_key",
    `INSERT INTO scheduler_keys (name, hash, office_id, access) VALUES ($1, $2, $3, $4)
     ON CONFLICT (hash) DO NOTHING RETURNING ${COLUMNS}`,
    [name, hash, officeId, access],
  );
  return row ?? null;
}

/** Notes that a key was used, once a minute at most. */
export async function noteKeyUse(database: Queryable, id: string): Promise<void> {
  await database.query(
    "note_key_use",
    `UPDATE scheduler_keys SET last_used_at = now()
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
    [id],
  );
}

export type Revocation = "revoked" | "unknown" | "last";

/** Revokes a key for good, unless nobody could create another one then. */
export async function revokeKey(database: Queryable, id: string): Promise<Revocation> {
  const [row] = await database.query<{ known: boolean; revoked: boolean; last: boolean }>(
    "revoke_key",
    `WITH held AS MATERIALIZED (
       SELECT k.id, k.revoked_at FROM scheduler_keys k
       WHERE k.id = $1 OR (k.office_id IS NULL AND k.access = 'write' AND k.revoked_at IS NULL) ORDER BY k.id FOR UPDATE
     ), revoked AS (
       UPDATE scheduler_keys k SET revoked_at = COALESCE(k.revoked_at, now())
       WHERE k.id = $1 AND (k.revoked_at IS NOT NULL OR k.office_id IS NOT NULL OR k.access = 'read' OR (SELECT count(*) FROM held) > 1)
       RETURNING 1
     )
     SELECT EXISTS (SELECT 1 FROM held WHERE id = $1) AS known, EXISTS (SELECT 1 FROM revoked) AS revoked`,
    [id],
  );
  if (row === undefined || !row.known) return "unknown";
  return row.revoked ? "revoked" : "last";
}

import { createHash } from "node:crypto";
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { KeyAccess } from "office-contract/api/access.ts";
import type { Database } from "../../db/connection.ts";
import { insertKey, keyByHash, type KeyRow } from "../../db/queries/accessKeys.ts";
import { Refusal } from "../../domain/refusal.ts";
import { tokenFileOf } from "../../platform/clientConfig.ts";
import { newId, newSecret } from "../../platform/ids.ts";
import type { Logger } from "../../platform/log.ts";
import { makeOfficeHome } from "../../platform/officeHome.ts";

const KEY = /^ofk_[\w-]{43}$/;

/** A key has 256 random bits, so that a plain hash of it can be stored: there is nothing to guess. */
export const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/** Creates a key. Its token is returned and not kept. */
export async function createKey(
  database: Database,
  key: { name: string; officeId: string | null; access: KeyAccess },
): Promise<KeyRow & { token: string }> {
  const token = `ofk_${newSecret()}`;
  const row = await insertKey(database, { ...key, hash: hashOf(token) });
  if (row === null) throw new Refusal("conflict", "the key could not be stored; try again");
  return { ...row, token };
}

/** The key of a token, or null where it opens nothing. */
export async function findKey(database: Database, token: string): Promise<KeyRow | null> {
  if (!KEY.test(token)) return null;
  const key = await keyByHash(database, hashOf(token));
  return key === null || key.revoked_at !== null ? null : key;
}

/**
 * The operator's own key, for all offices: kept in a file of the office home that its owner alone can read, made on the
 * first start. A database that does not know it yet learns it. `created`: it was made just now.
 */
export async function ensureFirstKey(
  database: Database,
  officeHome: string,
  log: Logger,
): Promise<{ token: string; created: boolean }> {
  const path = tokenFileOf(officeHome);
  const kept = readToken(path);
  const token = kept ?? writeToken(officeHome, path);
  const hash = hashOf(token);
  await insertKey(database, { name: "first key", hash, officeId: null, access: "write" });
  const key = await keyByHash(database, hash);
  if (key !== null && key.revoked_at !== null) log.warn(`the key in ${path} was revoked, and opens nothing`);
  if ((statSync(path).mode & OTHERS) !== 0) log.warn(`the key in ${path} can be read by others; chmod 600 it`);
  return { token, created: kept === null };
}

/** What a file's mode gives to those who do not own it. */
const OTHERS = 0o077;

function readToken(path: string): string | null {
  try {
    const token = readFileSync(path, "utf8").trim();
    if (KEY.test(token)) return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  throw new Error(`${path} holds no key of this API; remove it to have a new one made`);
}

/** Whole from its first moment, and for its owner alone. Of two processes that write at once, the first one counts. */
function writeToken(officeHome: string, path: string): string {
  makeOfficeHome(officeHome);
  const draft = `${path}.${newId()}`;
  writeFileSync(draft, `ofk_${newSecret()}\n`, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(path, "utf8").trim();
}

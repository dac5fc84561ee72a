import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { EmbeddedPostgresError } from "./errors.ts";

/** A user of the system, as whom PostgreSQL runs. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

const UNPRIVILEGED = ["postgres", "_postgres", "nobody"];

/**
 * The accounts that may run the server, the preferred one first. PostgreSQL refuses to run as root, so that root
 * uses an account without rights. Everybody else runs it as themselves, which is said by an empty list.
 */
export function serverAccounts(): Account[] {
  if (process.getuid?.() !== 0) return [];
  const known = parsePasswd(readFileSync("/etc/passwd", "utf8"));
  const usable = UNPRIVILEGED.map((name) => known.get(name)).filter((account) => account !== undefined);
  if (usable.length === 0) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and /etc/passwd knows none of ${UNPRIVILEGED.join(", ")}. ` +
        "Run as another user, or set DATABASE_URL.",
    );
  }
  return usable;
}

/** Accounts by name. Ids that are negative in the file (macOS) are the 32-bit numbers that the system means by them. */
export function parsePasswd(text: string): Map<string, Account> {
  const accounts = new Map<string, Account>();
  for (const line of text.split("\n")) {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if (/^-?\d+$/.test(uid) && /^-?\d+$/.test(gid)) {
      accounts.set(name, { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 });
    }
  }
  return accounts;
}

/** What `spawn` needs in order to run a program as the account; null is ourselves. */
export const runAs = (account: Account | null): { uid?: number; gid?: number } =>
  account === null ? {} : { uid: account.uid, gid: account.gid };

/** Whether the account may pass through a folder to what is in it. Tried for real: all folders above it count. */
export function canEnter(account: Account | null, folder: string): boolean {
  if (account === null) return true;
  return spawnSync("/bin/sh", ["-c", 'cd "$0"', folder], { ...runAs(account), cwd: "/", stdio: "ignore" }).status === 0;
}

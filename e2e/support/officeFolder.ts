import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { waitUntil } from "office-server/platform/waitUntil.ts";
import { onTestFinished } from "vitest";
import { createTestDatabase } from "../../test/support/database.ts";
import { OfficeRun } from "./officeRun.ts";
import { processesOf } from "./processes.ts";

export interface FolderOptions {
  /** A database of its own on the suite's server, in place of an embedded one: it is there at once. */
  database?: boolean;
  environment?: Readonly<Record<string, string>>;
}

const PATIENCE_MS = 60_000;

/** A folder of the test's own in which `office` is run. When the test ends, nothing that was started in it may be left. */
export async function setup({ database = true, environment = {} }: FolderOptions = {}): Promise<OfficeFolder> {
  // Directly below the temporary folder, and open: PostgreSQL does not run as root, and its user must get here.
  const path = mkdtempSync(join(tmpdir(), "office-e2e-"));
  chmodSync(path, 0o755);
  const own = database ? await createTestDatabase() : null;
  const folder = new OfficeFolder(path, { ...(own !== null && { DATABASE_URL: own.url }), ...environment });
  onTestFinished(async () => {
    const left = folder.processes();
    for (const { pid } of left) kill(pid);
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
    await own?.drop();
    if (left.length > 0) throw new Error(`left behind: ${left.map(({ command }) => command).join("; ")}`);
  });
  return folder;
}

export class OfficeFolder {
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;

  constructor(path: string, environment: Readonly<Record<string, string>>) {
    this.path = path;
    this.environment = environment;
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  has(name: string): boolean {
    return existsSync(this.at(name));
  }

  read(name: string): string {
    return readFileSync(this.at(name), "utf8");
  }

  /** The lines of a file; none when it is not there. */
  lines(name: string): string[] {
    return this.has(name) ? this.read(name).split("\n").slice(0, -1) : [];
  }

  write(name: string, content: string, mode = 0o644): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content, { mode });
  }

  /** Writes a plan, and returns its name. */
  plan(plan: Readonly<Record<string, unknown>>, name = "plan.yaml"): string {
    this.write(name, JSON.stringify(plan)); // JSON is YAML
    return name;
  }

  /** Starts `office` here. */
  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): OfficeRun {
    return new OfficeRun(this.path, args, { ...this.environment, ...environment });
  }

  /** `office run PLAN --json`, to its end. */
  async run(plan: string, ...options: string[]): Promise<OfficeRun> {
    const run = this.start(["run", plan, "--json", ...options]);
    await run.exit;
    return run;
  }

  /** Resolves when a session has written a file here. */
  async fileAppears(name: string): Promise<void> {
    const there = await waitUntil(() => this.has(name) || null, { everyMs: 10, timeoutMs: PATIENCE_MS });
    if (there === null) throw new Error(`${name} does not appear`);
  }

  processes(): ReturnType<typeof processesOf> {
    return processesOf(this.path);
  }

  /** Resolves when there is a process of this folder whose command says `what`. */
  async processAppears(what: string): Promise<void> {
    const isThere = (): boolean => this.processes().some(({ command }) => command.includes(what));
    const there = await waitUntil(() => isThere() || null, { everyMs: 10, timeoutMs: PATIENCE_MS });
    if (there === null) throw new Error(`${what} does not appear`);
  }

  /** Resolves when no process of this folder that `matches` is left. */
  async allGone(matches: (command: string) => boolean = () => true): Promise<void> {
    const left = () => this.processes().filter(({ command }) => matches(command));
    const gone = await waitUntil(() => (left().length === 0 ? true : null), { everyMs: 10, timeoutMs: PATIENCE_MS });
    if (gone === null)
      throw new Error(
        `still there: ${left()
          .map(({ command }) => command)
          .join("; ")}`,
      );
  }

  /** What kill -9 of everything is: a loss of power for this folder alone. */
  async killEverything(): Promise<void> {
    for (let left = this.processes(); left.length > 0; left = this.processes()) {
      for (const { pid } of left) kill(pid);
      await waitUntil(() => (this.processes().length === 0 ? true : null), { everyMs: 10, timeoutMs: 1_000 });
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

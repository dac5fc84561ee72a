import { expect } from "vitest";
import type { OfficeRun } from "./officeRun.ts";
import type { Service } from "./service.ts";

/** Runs `office` against a service, as from another machine: with nothing but its address and a key. */
export class Shell {
  readonly service: Service;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(service: Service, environment: Readonly<Record<string, string>> = {}) {
    this.service = service;
    this.#environment = { OFFICE_URL: service.url, ...environment };
  }

  start(...args: string[]): OfficeRun {
    return this.service.folder.start(args, this.#environment);
  }

  /** Runs a command to its end, which must be a good one. Returns the lines of its output. */
  async run(...args: string[]): Promise<string[]> {
    const run = this.start(...args);
    await endsWith(run, 0, args);
    return run.stdout;
  }

  async json<T>(...args: string[]): Promise<T[]> {
    return (await this.run(...args, "--json")).map((line) => JSON.parse(line) as T);
  }

  /** Runs a command that must fail. Returns what it says. */
  async fail(exit: 1 | 2, ...args: string[]): Promise<string> {
    const run = this.start(...args);
    await endsWith(run, exit, args);
    return run.stderr;
  }
}

async function endsWith(run: OfficeRun, exit: number, args: readonly string[]): Promise<void> {
  const ended = { args, exit: await run.exit, stderr: exit === 0 ? run.stderr : "" };
  expect(ended).toEqual({ args, exit, stderr: exit === 0 ? expect.any(String) : "" });
  if (exit === 0) return;
  expect(run.stdout).toEqual([]);
  expect(run.stderr).not.toMatch(/\n\s+at |node:internal/);
}

let made = 0;

/** A shell for which an office of its own is meant where none is named. */
export function shellFor(service: Service): { shell: Shell; office: string } {
  made += 1;
  const office = `office-${made}`;
  return { shell: new Shell(service, { OFFICE: office }), office };
}

/** A shell in whose office there is one job that waits. */
export async function withOneJob(service: Service, key = "a"): Promise<{ shell: Shell; office: string }> {
  const { shell, office } = shellFor(service);
  shell.service.folder.plan({ office, jobs: [{ key, run: "true" }] }, `${office}.yaml`);
  await shell.run("submit", `${office}.yaml`);
  return { shell, office };
}

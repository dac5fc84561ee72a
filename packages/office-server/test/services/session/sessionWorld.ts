import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { SessionSpec } from "office-contract/session.ts";
import { onTestFinished } from "vitest";
import { livingProcesses, wasStartedWith } from "../../../src/platform/processTable.ts";
import { outputPath } from "../../../src/services/session/host/records.ts";
import type { SessionEnd, SessionRequest } from "../../../src/services/session/runtime.ts";
import {
  SessionOrchestrator,
  type SessionOrchestratorOptions,
} from "../../../src/services/session/SessionOrchestrator.ts";
import { sessionRequest } from "./factories.ts";

/** A folder of its own for each test, and an orchestrator in it; all is gone when the test is over. */
export function setup(options: Partial<SessionOrchestratorOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "office-session-"));
  const sessionsDirectory = join(folder, "sessions");
  const environment = { PATH: process.env["PATH"], HOME: folder };
  const orchestrator = new SessionOrchestrator({ sessionsDirectory, environment, spareHosts: 0, ...options });
  onTestFinished(async () => {
    await orchestrator.close();
    rmSync(folder, { recursive: true });
  });

  /** Starts a session in `folder`. */
  function start(spec: Partial<SessionSpec>, overrides: Partial<Omit<SessionRequest, "spec">> = {}) {
    const request = sessionRequest({ cwd: folder, ...spec }, overrides);
    const { promise: end, resolve } = Promise.withResolvers<SessionEnd>();
    orchestrator.start(request, resolve);
    const { executionId } = request;
    return { executionId, directory: join(sessionsDirectory, executionId), end };
  }

  /** Runs a session to its end. */
  async function run(spec: Partial<SessionSpec>, overrides: Partial<Omit<SessionRequest, "spec">> = {}) {
    const session = start(spec, overrides);
    const { outcome } = await session.end;
    const output = (): string => readFileSync(outputPath(session.directory), "utf8");
    return { ...session, outcome, output };
  }

  return { folder, sessionsDirectory, orchestrator, start, run, inFolder: (name: string) => join(folder, name) };
}

/** Resolves when a file is there. Its folder must be. */
export function appears(path: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(dirname(path), (_event, name) => {
    if (name === basename(path)) check();
  });
  const check = (): void => {
    if (!existsSync(path)) return;
    watcher.close();
    resolve();
  };
  check();
  return promise;
}

/** The living processes that carry a session's EXECUTION_ID. */
export const processesOf = (executionId: string): number[] =>
  livingProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => wasStartedWith(pid, `EXECUTION_ID=${executionId}`));

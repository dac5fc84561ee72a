import { mkdtempSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { HostedSession } from "./hostedSession.ts";
import type { ProgramOutput } from "./outputPipe.ts";
import { type StartSpec, writeRecord } from "./records.ts";

const PROGRAM = "no-such-program";

/**
 * Goes through a whole session once, with a program that is not there. What a process does for the first time takes
 * Node several times as long, and a host that waits has the time: a session starts in half of it. Never fails.
 */
export async function rehearse(): Promise<void> {
  try {
    const directory = mkdtempSync(resolve(".rehearsal-"));
    const remove = (): void => rmSync(directory, { recursive: true, force: true });
    process.once("exit", remove);
    writeRecord(directory, "spec", specOf(directory));
    await new HostedSession(directory, null, () => {}).run(noOutput);
    process.off("exit", remove);
    remove();
  } catch {
    // Then the session itself will be the first, and tell if anything is wrong.
  }
}

const specOf = (directory: string): StartSpec => ({
  executionId: "rehearsal",
  command: [resolve(directory, PROGRAM)],
  cwd: directory,
  env: {},
  timeoutMs: 1_000,
  termGraceMs: 1_000,
  lease: null,
  output: { headBytes: 1, tailBytes: 1 },
});

const noOutput: ProgramOutput = {
  writeFd: "ignore",
  readInto: () => {},
  closeWriteEnd: () => {},
  drain: () => {},
};

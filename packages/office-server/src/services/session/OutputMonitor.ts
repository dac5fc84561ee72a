import { createReadStream } from "node:fs";
import type { SessionOutcome } from "../../domain/outcome.ts";
import { claudeStreamJson } from "./formats/claudeStreamJson.ts";
import type { OutputFormat, OutputReader } from "./formats/format.ts";
import { plain } from "./formats/plain.ts";
import type { ExitRecord } from "./host/records.ts";
import { LineSplitter } from "./lineSplitter.ts";

/** The first that matches reads the output. */
const formats: readonly OutputFormat[] = [claudeStreamJson, plain];

/** Which format a program that is started like this writes. */
export const formatOf = (command: readonly string[]): OutputFormat =>
  formats.find((format) => format.matches(command)) ?? plain;

/**
 * Says how a session ended, from its exit and from what its output format states in records of its own. A stray word
 * in the output decides nothing. Takes the output piece by piece, in bounded memory.
 */
export class OutputMonitor {
  readonly #reader: OutputReader;
  readonly #lines: LineSplitter;

  constructor(command: readonly string[]) {
    this.#reader = formatOf(command).create();
    this.#lines = new LineSplitter((line) => this.#reader.line(line));
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  /** To be called once, after the last piece. */
  outcome(exit: ExitRecord): SessionOutcome {
    this.#lines.end();
    if (exit.stopCause !== null) return { kind: "stopped", cause: exit.stopCause };
    if (exit.startError !== null) return outcomeOfStartError(exit.startError);
    if (exit.signal !== null) return { kind: "signalled", signal: exit.signal };
    return this.#reader.outcome(exit) ?? outcomeOfExitCode(exit.exitCode);
  }
}

/** Reads a session's output from its file, if it can be read, and says how the session ended. */
export async function judgeSession(
  command: readonly string[],
  outputPath: string,
  exit: ExitRecord,
): Promise<SessionOutcome> {
  const monitor = new OutputMonitor(command);
  try {
    if (formatOf(command) !== plain) {
      for await (const bytes of createReadStream(outputPath)) monitor.push(bytes as Uint8Array);
    }
  } catch {
    // Then the exit alone decides.
  }
  return monitor.outcome(exit);
}

function outcomeOfStartError({ message, temporary }: NonNullable<ExitRecord["startError"]>): SessionOutcome {
  if (temporary) return { kind: "crashed", message };
  return { kind: "failed", errorClass: "INVALID_JOB", message, exitCode: null };
}

function outcomeOfExitCode(exitCode: number | null): SessionOutcome {
  if (exitCode === 0) return { kind: "finished" };
  return { kind: "failed", errorClass: "EXIT_CODE", message: `exited with code ${exitCode}`, exitCode };
}

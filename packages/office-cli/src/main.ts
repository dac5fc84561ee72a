import { CommanderError } from "commander";
import { officeProgram } from "./program/program.ts";

const DONE = 0;
const UNEXPECTED = 1;
const WRONG_USAGE = 2;

/** Says in a line what went wrong. Commander has already said what was wrong about the command line. */
async function fail(error: unknown): Promise<void> {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === DONE ? DONE : WRONG_USAGE;
    return;
  }
  // Not loaded before it is needed: `office --help` should be fast.
  const { explainFailure } = await import("./failure.ts");
  const { lines, exitCode } = explainFailure(error);
  process.exitCode = exitCode;
  process.stderr.write(lines.map((line) => `office: ${line}\n`).join(""));
}

// Who reads our output may stop doing so at any time (`office check plan.yaml | head`). That is no error of ours. That it
// cannot be written, to a full disk say, is one; but no reason to leave running sessions alone.
let lost: Error | null = null;
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || lost !== null) return;
    lost = error;
    process.stderr.write(`office: the output cannot be written: ${error.message}\n`);
  });
}
process.on("exit", () => {
  if (lost !== null) process.exitCode ||= UNEXPECTED;
});

process.on("uncaughtException", (error) => void fail(error).finally(() => process.exit()));

// What went wrong may have left something open (a connection to a database whose disk is full), which nobody closes now.
await officeProgram()
  .parseAsync()
  .catch((error: unknown) => fail(error).finally(() => process.exit()));

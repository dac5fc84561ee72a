import type { SessionOutcome } from "../../../domain/outcome.ts";
import type { ExitRecord } from "../host/records.ts";

/** One way in which programs report in their output what became of their work. One small file each. */
export interface OutputFormat {
  name: string;
  /** Whether a program that is started like this writes in this format. */
  matches(command: readonly string[]): boolean;
  create(): OutputReader;
}

/** Reads one session's output. */
export interface OutputReader {
  line(line: string): void;
  /** What the output's own records say of a program that ended by itself; null leaves it to the exit code. */
  outcome(exit: ExitRecord): SessionOutcome | null;
}

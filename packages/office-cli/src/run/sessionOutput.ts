import { relative } from "node:path";
import { outputPath } from "office-server/services/session/host/records.ts";
import { tailLines } from "office-server/services/session/tailLines.ts";
import { clip, dim, type Line } from "../line.ts";
import type { RunJob } from "./model.ts";

/** Where what sessions write is read. */
export interface OutputSource {
  /** The last lines of what a job's last session has written; none where they cannot be had. */
  lastLines(job: RunJob, count: number): Promise<string[]>;
  /** Where, or how, all of it can be read; null when there was no session. */
  whereIs(job: RunJob): string | null;
}

const LINES_SHOWN = 15;

/** Files on this machine. What cannot be read is not shown: the run goes on. */
export const localOutput: OutputSource = {
  lastLines: async ({ output }, count) => (output === null ? [] : readTail(output, count)),
  whereIs: ({ output }) => (output === null ? null : outputOf(output)),
};

/** What a job's session wrote last, in `columns`, and where all of it is; nothing if there was no session. */
export const lastOutput = async (
  source: OutputSource = localOutput,
  job: RunJob,
  columns = Infinity,
): Promise<Line[]> => {
  const place = source.whereIs(job);
  if (place === null) return [];
  const lines = await source.lastLines(job, LINES_SHOWN);
  return [...lines.map((line) => [dim("    │ "), clip(line, columns - 6)]), [dim(`    └ ${place}`)]];
};

/** The last line with something in it of a session that may still be running; null when there is none. */
export const lastOutputLine = async (folder: string): Promise<string | null> =>
  (await readTail(folder, LINES_SHOWN)).findLast((line) => line.trim() !== "") ?? null;

/** Where the whole output of a session is: from here, if it is below. */
const outputOf = (folder: string): string => {
  const path = outputPath(folder);
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith("..") ? path : fromHere;
};

const readTail = (folder: string, count: number): Promise<string[]> =>
  tailLines(outputPath(folder), count).catch(() => []);

import { relative } from "node:path";
import { outputPath } from "office-server/services/session/host/records.ts";
import { tailLines } from "office-server/services/session/tailLines.ts";
import { clip, dim, type Line } from "../line.ts";

const LINES_SHOWN = 15;

/** What a session wrote last, in `columns`, and where all of it is; nothing if there was no session. */
export const lastOutput = async (folder: string | null, columns = Infinity): Promise<Line[]> => {
  if (folder === null) return [];
  const lines = await readTail(folder, LINES_SHOWN);
  return [...lines.map((line) => [dim("    │ "), clip(line, columns - 6)]), [dim(`    └ ${outputOf(folder)}`)]];
};

/** The last line with something in it of a session that may still be running; null when there is none. */
export const lastOutputLine = async (folder: string): Promise<string | null> =>
  (await readTail(folder, LINES_SHOWN)).findLast((line) => line.trim() !== "") ?? null;

/** Where the whole output of a session is: from here, if it is below. */
export const outputOf = (folder: string): string => {
  const path = outputPath(folder);
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith("..") ? path : fromHere;
};

/** What cannot be read is not shown: the run goes on. */
const readTail = (folder: string, count: number): Promise<string[]> =>
  tailLines(outputPath(folder), count).catch(() => []);

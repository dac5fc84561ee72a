import { createReadStream } from "node:fs";
import { dirname, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { PLAN_BYTES_MAX } from "office-contract/limits.ts";
import { type PlanResult, parsePlan } from "../domain/plan.ts";

/** Reads and checks a plan file. Whatever is wrong with the file itself is an error at its first line. */
export const readPlanFile = async (path: string): Promise<PlanResult> => {
  const refuse = (message: string): PlanResult => ({
    ok: false,
    errors: [{ file: path, line: 1, column: 1, message }],
  });
  let bytes: Buffer;
  try {
    // Byte positions are inclusive: one byte more than is allowed is read, whatever kind of file it is.
    bytes = await buffer(createReadStream(path, { end: PLAN_BYTES_MAX }));
  } catch (error) {
    return refuse(readingProblem(error));
  }
  if (bytes.length > PLAN_BYTES_MAX) {
    return refuse(`the plan is larger than ${PLAN_BYTES_MAX / 1024 / 1024} MiB: split it into smaller plans`);
  }
  const text = decodeUtf8(bytes);
  if (text === null) return refuse("the plan is not UTF-8 text: save it as UTF-8");
  return parsePlan(text, { file: path, directory: dirname(resolve(path)) });
};

const decodeUtf8 = (bytes: Buffer): string | null => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
};

const readingProblem = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "there is no such file";
    case "EISDIR":
      return "this is a folder: name the plan file in it";
    case "EACCES":
    case "EPERM":
      return "the file may not be read: check its permissions";
    default:
      return `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
};

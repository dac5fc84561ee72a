import { accessSync, constants, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError } from "./config.ts";

/**
 * Makes the folder OFFICE_HOME if it is missing, for its owner alone. Returns whether it was.
 *
 * @throws ConfigError when it cannot be made, or we may not write to it
 */
export function makeOfficeHome(path: string): boolean {
  try {
    const isNew = makeFolder(path, 0o700);
    // With the dot it must be a folder, too.
    accessSync(join(path, "."), constants.W_OK | constants.X_OK);
    return isNew;
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(
      `OFFICE_HOME cannot be ${path} (${message}); run as the user that it belongs to, or choose another folder`,
    );
  }
}

/** Makes a folder, and its parents where they are missing. Returns whether it was not there yet. */
export function makeFolder(path: string, mode: number, mayLackParent = true): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // Not by mkdir's `recursive`, which never ends in places like /proc.
    if (code !== "ENOENT" || !mayLackParent) throw error;
    makeFolder(dirname(path), 0o777);
    return makeFolder(path, mode, false);
  }
}

import { readConfig, withoutPasswords } from "office-server/platform/config.ts";

/** An error in a line, without passwords; with LOG_LEVEL=debug where it came from, too. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return withoutPasswords(String(error));
  return withoutPasswords(isDebugging() ? (error.stack ?? error.message) : error.message);
}

function isDebugging(): boolean {
  try {
    return ["debug", "trace"].includes(readConfig().logLevel);
  } catch {
    return false;
  }
}

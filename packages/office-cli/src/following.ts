import { isAbort } from "./api/connect.ts";
import type { Output } from "./output.ts";

/** What is said while a connection is made again and again. */
export const LOST = "the connection is lost; trying to get it back …";

const INTERRUPTED = 130;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs something that goes on until it is told to stop: by Ctrl-C or a kill, which ends with 130, or because nobody reads
 * any more what it writes, which ends with 0. What is followed goes on.
 */
export async function following({ stdout }: Output, follow: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  let exitCode = INTERRUPTED;
  const onSignal = (): void => abort.abort();
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EPIPE") exitCode = 0;
    abort.abort();
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  stdout.once("error", onError);
  try {
    return await follow(abort.signal);
  } catch (error) {
    if (abort.signal.aborted && isAbort(error)) return exitCode;
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    stdout.off("error", onError);
  }
}

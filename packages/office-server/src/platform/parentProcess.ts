/** Set in the environment of processes that are to end with the one that started them. */
export const ENDS_WITH_PARENT = "OFFICE_ENDS_WITH_PARENT";

/** Longer than a stop may take that does all it should. */
const STOP_MS_MAX = 40_000;

/**
 * Called at the start of a process that `office up` may have started: when `office up` is gone, however that came about, this
 * process gets a SIGTERM, as if somebody had stopped it; and if that does not end it, it is killed. Does nothing for a
 * process that was started in another way, a process manager's channel included.
 */
export function endWithParent(): void {
  if (process.env[ENDS_WITH_PARENT] !== "1") return;
  if (!process.connected) {
    end();
    return;
  }
  process.once("disconnect", end);
  // The channel alone is no reason to go on.
  process.channel?.unref();
}

function end(): void {
  // Who was told what we log is gone, too.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  setTimeout(() => process.kill(process.pid, "SIGKILL"), STOP_MS_MAX).unref();
  process.kill(process.pid, "SIGTERM");
}

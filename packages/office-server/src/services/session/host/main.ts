/**
 * The session host: a small process that runs one session and belongs to no worker. It is started ahead of time, waits
 * on stdin for one line that names the session's folder, and from then on needs nobody: a worker that dies changes
 * nothing. Without a session, the end of stdin ends it.
 *
 * Signals: SIGHUP reads `control.json` again; SIGTERM stops the session; Ctrl-C does nothing.
 */
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { resolve } from "node:path";
import { onNextTurn } from "../../../platform/timers.ts";
import { Guardian } from "./guardian.ts";
import { HostedSession } from "./hostedSession.ts";
import { OutputPipe } from "./outputPipe.ts";
import { SAYS_READY, SAYS_STARTED } from "./records.ts";
import { rehearse } from "./rehearsal.ts";

let session: HostedSession | null = null;

process.on("SIGINT", () => {});
process.on("SIGHUP", () => session?.applyControl());
process.on("SIGTERM", () => {
  if (session === null) process.exit(0);
  session.stop("interrupted");
});

const guardian = new Guardian();
const pipe = new OutputPipe(resolve(`.pipe-${process.pid}`));
say(SAYS_READY);
flushCompileCache();
const assignment = firstLine();
// Unless the session is there already: then there is nothing to be gained.
let assigned = false;
void assignment.then(() => (assigned = true));
onNextTurn(() => {
  if (!assigned) void rehearse();
});
const directory = await assignment;
if (directory === null) {
  await guardian.dismiss();
  process.exit(0);
}
session = new HostedSession(directory, guardian, () => say(SAYS_STARTED));
await session.run(pipe);
await guardian.dismiss();
// Something that is none of ours any more may still hold the pipe: do not wait for it.
process.exit(0);

/** Tells the worker how far this host is. It may be gone. */
function say(what: string): void {
  try {
    writeSync(1, `${what}\n`);
  } catch {
    // Nobody needs to know, then.
  }
}

/** The first line of stdin, or null when stdin ends without one. */
function firstLine(): Promise<string | null> {
  return new Promise((resolveLine) => {
    let text = "";
    process.stdin.setEncoding("utf8");
    process.stdin.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) resolveLine(text.slice(0, end));
    });
    process.stdin.on("end", () => resolveLine(null));
    process.stdin.on("error", () => resolveLine(null));
  });
}

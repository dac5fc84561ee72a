import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { sendSignal } from "../../../platform/processTable.ts";

/** A host that somebody has stopped (SIGSTOP) is left so for no longer: nobody else may be there to let it go on. */
const GO_ON_S = 0.5;
const LOOK_AGAIN_S = 0.1;
/** SIGKILL comes after so many looks: within what is left of a lease when a host is killed that has just let it end. */
const LOOKS_BEFORE_KILL = 10;
/** The dead may be there for ever, where nobody collects them. */
const LOOKS_MAX = 100;

/**
 * Lets the host go on, and waits for the end of its stdin, which comes when the host is gone, whatever took it; then it ends
 * what it was told of: a process group, and whoever carries the session's EXECUTION_ID. Where there is no /proc, the group
 * alone.
 */
const SCRIPT = `
read -r execution || exit 0
while kill -s CONT "$1"; do sleep ${GO_ON_S}; done 2>/dev/null &
going=$!
if read -r group; then read -r _; fi
kill "$going"
found() { grep -lzsxF "EXECUTION_ID=$execution" /proc/[0-9]*/environ; }
end() {
  if [ -n "$group" ]; then kill -s "$1" -- "-$group"; fi
  for file in $(found); do pid=\${file#/proc/}; kill -s "$1" "\${pid%/environ}"; done
} 2>/dev/null
left() { { [ -n "$group" ] && kill -0 -- "-$group"; } || [ -n "$(found)" ]; } 2>/dev/null
end TERM
looks=0
while left && [ "$looks" -lt ${LOOKS_MAX} ]; do
  looks=$((looks + 1))
  if [ "$looks" -gt ${LOOKS_BEFORE_KILL} ]; then end KILL; fi
  sleep ${LOOK_AGAIN_S}
done
`;

/**
 * A session must not outlive its host: nobody else keeps its deadline, or ends it when its lease is over. A host that is
 * killed or stopped cannot see to that; so a second process does, the smallest there is, which waits for nothing else.
 */
export class Guardian {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = spawn("/bin/sh", ["-c", SCRIPT, "guardian", `${process.pid}`], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    // Without it a session runs as well.
    this.#child.on("error", () => {});
    this.#child.stdin?.on("error", () => {});
    this.#child.unref();
  }

  /** A session is about to start. */
  expect(executionId: string): void {
    this.#child.stdin?.write(`${executionId}\n`);
  }

  /** Its program leads this process group. */
  guard(groupId: number): void {
    this.#child.stdin?.write(`${groupId}\n`);
  }

  /** Nothing is left of the session, or there was none. Resolves when the guardian is gone. */
  async dismiss(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    this.#child.ref();
    // It leads a group of its own, of all that it has started.
    sendSignal(-pid, "SIGKILL");
    await once(this.#child, "exit");
  }
}

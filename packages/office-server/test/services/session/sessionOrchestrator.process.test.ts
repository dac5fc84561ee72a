import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sendSignal } from "../../../src/platform/processTable.ts";
import { readRecord } from "../../../src/services/session/host/records.ts";
import { appears, processesOf, setup } from "./sessionWorld.ts";

describe("a program that ends by itself", () => {
  test("with exit code 0 has finished", async () => {
    const { run, orchestrator } = setup();
    const session = run({ run: "exit 0" });
    expect(orchestrator.running).toBe(1);
    expect((await session).outcome).toEqual({ kind: "finished" });
    expect(orchestrator.running).toBe(0);
  });

  test("with exit code 3 has failed, and the record says so", async () => {
    const { run } = setup();
    const { outcome, directory } = await run({ run: "exit 3" });
    expect(outcome).toMatchObject({ kind: "failed", errorClass: "EXIT_CODE", exitCode: 3 });
    expect(readRecord(directory, "exit")).toMatchObject({
      exitCode: 3,
      signal: null,
      stopCause: null,
      startError: null,
    });
  });

  test("by a signal of its own is signalled", async () => {
    const { run } = setup();
    expect((await run({ run: "kill -SEGV $$" })).outcome).toEqual({ kind: "signalled", signal: "SIGSEGV" });
  });

  test("with a structured result hands it over", async () => {
    const { run, inFolder } = setup();
    writeFileSync(inFolder("agent"), `#!/bin/sh\necho '{"type":"result","subtype":"success","result":"Done."}'\n`);
    chmodSync(inFolder("agent"), 0o700);
    const { outcome } = await run({ command: ["./agent", "--output-format", "stream-json"] });
    expect(outcome).toMatchObject({ kind: "finished", result: { text: "Done." } });
  });
});

describe("a program that cannot be started is the job's fault", () => {
  test.each([
    ["two ways to run it", { run: "true", command: ["true"] }, "must have exactly one of command, run and runtime"],
    ["no way to run it", {}, "must have exactly one of command, run and runtime"],
    [
      "a command that is no list",
      { command: "true" as unknown as string[] },
      "session.command must be a list of texts",
    ],
    ["a missing command", { command: ["no-such-command"] }, "command not found: no-such-command (looked in PATH)"],
    ["a missing file", { command: ["./missing"] }, "command not found: ./missing"],
    ["no program", { command: [""] }, "cannot start a program without a name"],
    ["a missing cwd", { run: "true", cwd: "/no/such/folder" }, "cwd does not exist: /no/such/folder"],
    ["a cwd that is a file", { run: "true", cwd: "/etc/passwd" }, "cwd is not a folder: /etc/passwd"],
    ["a relative cwd", { run: "true", cwd: "src" }, "cwd is not an absolute path: src"],
    ["arguments that are too long", { command: ["echo", "x".repeat(1_000_000)] }, "too long (E2BIG)"],
    ["a NUL in an argument", { command: ["echo", "\0"] }, "without null bytes"],
  ])("%s", async (_name, spec, message) => {
    const { run } = setup();
    const { outcome } = await run(spec);
    expect(outcome).toMatchObject({ kind: "failed", errorClass: "INVALID_JOB", exitCode: null });
    expect(outcome).toHaveProperty("message", expect.stringContaining(message));
  });

  test("a file that is not executable, an interpreter that is missing", async () => {
    const { run, inFolder } = setup();
    writeFileSync(inFolder("script"), "#!/no/such/interpreter\n");
    expect((await run({ command: ["./script"] })).outcome).toHaveProperty(
      "message",
      expect.stringContaining("not executable"),
    );
    chmodSync(inFolder("script"), 0o700);
    expect((await run({ command: ["./script"] })).outcome).toHaveProperty(
      "message",
      expect.stringContaining("interpreter"),
    );
  });
});

describe("stopping", () => {
  test("the deadline ends the whole group, grandchildren included", async () => {
    const { start, inFolder, orchestrator } = setup();
    const session = start({ run: "sh -c 'sleep 1000 & touch started; wait' & wait" });
    await appears(inFolder("started"));
    orchestrator.setTimeout(session.executionId, 1);
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "timeout" });
    expect(processesOf(session.executionId)).toEqual([]);
  });

  test("a deadline holds from the start", async () => {
    const { run } = setup();
    expect((await run({ run: "sleep 1000" }, { timeoutMs: 1 })).outcome).toEqual({ kind: "stopped", cause: "timeout" });
  });

  test("a deadline can be moved", async () => {
    const { start, orchestrator } = setup();
    const session = start({ run: "sleep 0.1" }, { timeoutMs: 1 });
    orchestrator.setTimeout(session.executionId, 60_000);
    expect((await session.end).outcome).toEqual({ kind: "finished" });
  });

  test("a program that ignores SIGTERM is killed after the grace", async () => {
    const { start, inFolder, orchestrator } = setup({ termGraceMs: 50 });
    const session = start({ run: "trap '' TERM; touch started; while :; do sleep 1000; done" });
    await appears(inFolder("started"));
    orchestrator.stop(session.executionId, "cancelled");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "cancelled" });
    expect(readRecord(session.directory, "exit")).toMatchObject({ signal: "SIGKILL", stopCause: "cancelled" });
    expect(processesOf(session.executionId)).toEqual([]);
  });

  test("what a program does with SIGTERM does not matter, but it gets the time for it", async () => {
    const { start, inFolder, orchestrator } = setup();
    const session = start({ run: "trap 'touch tidied; exit 0' TERM; touch started; sleep 1000 & wait" });
    await appears(inFolder("started"));
    orchestrator.stop(session.executionId, "cancelled");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "cancelled" });
    expect(existsSync(inFolder("tidied"))).toBe(true);
  });

  test("the first cause counts", async () => {
    const { start, orchestrator } = setup();
    const session = start({ run: "sleep 1000" });
    orchestrator.stop(session.executionId, "interrupted");
    orchestrator.stop(session.executionId, "cancelled");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "interrupted" });
  });

  test("a stop that comes at once may come before the program", async () => {
    const { start, inFolder, orchestrator } = setup();
    const session = start({ run: "touch started; sleep 1000" });
    orchestrator.stop(session.executionId, "cancelled");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "cancelled" });
    expect(existsSync(inFolder("started"))).toBe(false);
  });

  test("a session that has ended, or never was, is left alone", async () => {
    const { run, orchestrator } = setup();
    const { executionId, outcome } = await run({ run: "exit 0" });
    orchestrator.stop(executionId, "cancelled");
    orchestrator.setTimeout(executionId, 1);
    orchestrator.stop("unknown", "cancelled");
    expect(outcome).toEqual({ kind: "finished" });
  });

  test("a program that was paused by job control can still end in order", async () => {
    const { start, inFolder, orchestrator } = setup();
    const session = start({ run: "trap 'touch tidied; exit' TERM; touch started; kill -STOP $$; sleep 1000 & wait" });
    await appears(inFolder("started"));
    orchestrator.stop(session.executionId, "cancelled");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "cancelled" });
    expect(existsSync(inFolder("tidied"))).toBe(true);
  });
});

describe("nothing is left behind", () => {
  test.each([
    ["in the background", "sleep 1000 & exit 0"],
    ["in the background, deaf to SIGTERM", "sh -c 'trap \"\" TERM; while :; do sleep 1000; done' & exit 0"],
    ["as a daemon", "(setsid sleep 1000 &) ; exit 0"],
    ["as a daemon without its standard streams", "(setsid sh -c 'sleep 1000' </dev/null >/dev/null 2>&1 &) ; exit 0"],
  ])("by a program that leaves a process %s", async (_name, line) => {
    const { run } = setup({ termGraceMs: 50 });
    const { outcome, executionId } = await run({ run: line });
    expect(outcome).toEqual({ kind: "finished" });
    expect(processesOf(executionId)).toEqual([]);
  });

  test("a process that cannot be told to be the session's does not hold it up", async () => {
    const { run, inFolder } = setup();
    // A clean environment, a session of its own, and the output pipe held open.
    const stranger = "env -i setsid sh -c 'echo $$ >pid.tmp; mv pid.tmp pid; exec sleep 1000' &";
    const { outcome } = await run({ run: `${stranger} until test -e pid; do sleep 0.01; done` });
    sendSignal(Number(readFileSync(inFolder("pid"), "utf8")), "SIGKILL");
    expect(outcome).toEqual({ kind: "finished" });
  });
});

test("twenty sessions at once", async () => {
  const { run, orchestrator } = setup();
  const sessions = Array.from({ length: 20 }, (_, index) => run({ run: `echo session ${index}` }));
  expect(orchestrator.running).toBe(20);
  for (const [index, session] of (await Promise.all(sessions)).entries()) {
    expect(session.outcome).toEqual({ kind: "finished" });
    expect(session.output()).toBe(`session ${index}\n`);
  }
});

test("an execution runs once", async () => {
  const { run } = setup();
  const { executionId } = await run({ run: "exit 0" });
  expect((await run({ run: "exit 0" }, { executionId })).outcome).toMatchObject({ kind: "crashed" });
});

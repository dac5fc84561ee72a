import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import type { SessionEnd } from "../../../src/services/session/runtime.ts";
import { sessionRequest } from "./factories.ts";
import { appears, setup } from "./sessionWorld.ts";

const WORKER = fileURLToPath(new URL("./fixtures/worker.ts", import.meta.url));
const FOR_LONG_MS = 60_000;
const untilTold = "touch started; until test -e go; do sleep 0.01; done; echo done";

/** A session that goes on without the worker that has started it, and another worker. */
async function leftBehind() {
  const log = vi.fn<(message: string) => void>();
  const world = setup({ log });
  const request = sessionRequest({ run: untilTold, cwd: world.folder }, { timeoutMs: FOR_LONG_MS });
  const { executionId } = request;
  const worker = spawn(process.execPath, [WORKER, world.sessionsDirectory, JSON.stringify(request)], {
    stdio: "inherit",
  });
  await appears(world.inFolder("started"));
  await kill(worker);
  const directory = join(world.sessionsDirectory, executionId);
  const adopt = (timeoutMs: number): Promise<SessionEnd> => {
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    world.orchestrator.adopt(executionId, timeoutMs, resolve);
    return promise;
  };
  return { ...world, log, adopt, inSession: (name: string) => join(directory, name) };
}

async function kill(worker: ChildProcess): Promise<void> {
  const exited = once(worker, "exit");
  worker.kill("SIGKILL");
  await exited;
}

test("goes on, to its own end", async () => {
  const { adopt, inFolder } = await leftBehind();
  const end = adopt(FOR_LONG_MS);
  writeFileSync(inFolder("go"), "");
  expect((await end).outcome).toEqual({ kind: "finished" });
});

test("keeps the deadline that it has now, not the one that its last worker knew", async () => {
  const { adopt } = await leftBehind();
  expect((await adopt(1_000)).outcome).toEqual({ kind: "stopped", cause: "timeout" });
});

test("is told as soon as that can be written down", async () => {
  const { adopt, inSession, log } = await leftBehind();
  // What a full disk does.
  mkdirSync(inSession("control.json.tmp"));
  const end = adopt(1_000);
  await vi.waitUntil(() => log.mock.calls.length > 0);
  rmdirSync(inSession("control.json.tmp"));
  expect((await end).outcome).toEqual({ kind: "stopped", cause: "timeout" });
  expect(log.mock.calls).toEqual([[expect.stringContaining("cannot write control.json")]]);
});

test("is not given up for what cannot be read at the moment", async () => {
  const { adopt, inFolder, inSession } = await leftBehind();
  renameSync(inSession("host.json"), inSession("elsewhere"));
  mkdirSync(inSession("host.json"));
  const ended = vi.fn<(end: SessionEnd) => void>();
  const end = adopt(FOR_LONG_MS);
  void end.then(ended);
  writeFileSync(inFolder("go"), "");
  await appears(inSession("exit.json"));
  expect(ended).not.toHaveBeenCalled();
  rmdirSync(inSession("host.json"));
  renameSync(inSession("elsewhere"), inSession("host.json"));
  expect((await end).outcome).toEqual({ kind: "finished" });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "office-server/db/connection.ts";
import { readConfig } from "office-server/platform/config.ts";
import { createLogger } from "office-server/platform/log.ts";
import { TaskWorker } from "office-server/workers/taskWorker.ts";
import { expect, onTestFinished, test, vi } from "vitest";
import { setup, sql } from "../../../../test/support/scheduler.ts";

const second = 1_000;

/** A database whose event log can be out of reach, while all else goes on. */
class UnreadableLog extends Database {
  isUnreadable = false;

  override query: Database["query"] = (name, ...rest) =>
    this.isUnreadable && name === "events_after"
      ? Promise.reject(new Error("the log is out of reach"))
      : super.query(name, ...rest);
}

/** A worker whose task has just been cancelled, which it could not read: it is to try again. Time stands still. */
async function workerWithoutLog() {
  const world = await setup();
  const office = await world.createOffice();
  const taskId = await office.submit({ a: {} });
  // No session is to be started.
  await sql(world, "UPDATE offices SET status = 'paused'");
  const officeHome = mkdtempSync(join(tmpdir(), "office-task-"));
  onTestFinished(() => rmSync(officeHome, { recursive: true }));
  const database = new UnreadableLog(world.database.options);
  onTestFinished(() => database.close());
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const warnings: string[] = [];
  const worker = new TaskWorker({
    database,
    config: readConfig({ OFFICE_HOME: officeHome, TICK_INTERVAL_MS: "0" }),
    log: createLogger("warn", { write: (line: string) => warnings.push(line) }),
    officeId: office.id,
    taskId,
    onEvents: () => {},
  });
  await worker.start(0);
  database.isUnreadable = true;
  await worker.cancel("not wanted");
  expect(warnings.join()).toContain("could not read the event log, and will try again");
  return { worker, database };
}

test("a task whose end could not be read ends a second after the log is back", async () => {
  const { worker, database } = await workerWithoutLog();
  database.isUnreadable = false;
  await vi.advanceTimersByTimeAsync(second);
  await worker.finished;
  expect(await worker.allDone()).toBe(false);
  await worker.stop();
});

test("a worker that has stopped does not try to read the log again", async () => {
  const { worker, database } = await workerWithoutLog();
  database.isUnreadable = false;
  await worker.stop();
  expect(vi.getTimerCount()).toBe(0);
});

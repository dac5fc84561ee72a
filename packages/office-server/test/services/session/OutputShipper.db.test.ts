import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "office-server/db/connection.ts";
import { readOutput } from "office-server/db/output.ts";
import { createLogger } from "office-server/platform/log.ts";
import { outputPath, type StartSpec, writeRecord } from "office-server/services/session/host/records.ts";
import { OutputShipper } from "office-server/services/session/OutputShipper.ts";
import type { SessionEnd } from "office-server/services/session/runtime.ts";
import { ShippedRuntime } from "office-server/services/session/ShippedRuntime.ts";
import { expect, onTestFinished, test } from "vitest";
import { setupFile } from "../../../../../test/support/scheduler.ts";
import { ScriptedRuntime } from "../../../../../test/support/scriptedRuntime.ts";
import { sessionRequest } from "./factories.ts";

const MEBIBYTE = 1024 * 1024;
const NEVER_MS = 10 * 60_000;
const world = setupFile();

/** A database in front of which the test stands. */
class WatchedDatabase {
  statements = 0;
  /** Called in place of each statement, with what carries it out. */
  behaviour: (run: () => Promise<unknown[]>) => Promise<unknown[]> = (run) => run();
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  query(name: string, text: string, values: unknown[]): Promise<unknown[]> {
    return this.behaviour(async () => {
      const rows = await world().database.query(name, text, values);
      this.statements += 1;
      for (const { count, resolve } of this.#waiting) if (this.statements >= count) resolve();
      return rows;
    });
  }

  /** Resolves when so many statements have been carried out. */
  carriedOut(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.statements >= count) resolve();
      else this.#waiting.push({ count, resolve });
    });
  }
}

/** A shipper that looks at ends only, unless it is given an interval; and sessions that write. */
function setup({ intervalMs = NEVER_MS, patienceMs = NEVER_MS } = {}) {
  const sessionsDirectory = mkdtempSync(join(tmpdir(), "office-shipper-"));
  const warnings: string[] = [];
  const log = createLogger("warn", { write: (line: string) => warnings.push(line) });
  const database = new WatchedDatabase();
  const shipper = new OutputShipper({ database: database as unknown as Database, log, intervalMs, patienceMs });
  onTestFinished(async () => {
    database.behaviour = (run) => run();
    await shipper.stop();
    rmSync(sessionsDirectory, { recursive: true, force: true });
  });

  /** A session's folder. */
  function create(id: string): string {
    const directory = join(sessionsDirectory, id);
    mkdirSync(directory);
    writeRecord(directory, "spec", { output: { headBytes: 8 * MEBIBYTE, tailBytes: 8 * MEBIBYTE } } as StartSpec);
    return directory;
  }

  const write = (id: string, text: string | Buffer): void =>
    appendFileSync(outputPath(join(sessionsDirectory, id)), text);

  /** A session that has written something already. */
  function start(text: string | Buffer): string {
    const id = crypto.randomUUID();
    shipper.follow(id, create(id));
    write(id, text);
    return id;
  }

  return { database, shipper, warnings, sessionsDirectory, create, write, start };
}

const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

async function stored(id: string): Promise<string> {
  const pieces = await readOutput(world().database, id, { from: 0, limit: 1_000 });
  return Buffer.concat(pieces.map(({ data }) => data)).toString();
}

test("what a session writes is stored while it runs, and the rest when it ends", async () => {
  const { database, shipper, start, write } = setup({ intervalMs: 1 });
  const id = start("hello\n");
  await database.carriedOut(1);
  await expect(stored(id)).resolves.toBe("hello\n");
  write(id, "and goodbye\n");
  await shipper.finish(id);
  await expect(stored(id)).resolves.toBe("hello\nand goodbye\n");
});

test("whenever a session writes and ends, everything is stored", async () => {
  const { shipper, start, write } = setup({ intervalMs: 1 });
  const sessions = Array.from({ length: 60 }, async (_, index) => {
    const id = start("begin\n");
    for (let turn = 0; turn < index; turn++) {
      await nextTurn();
      write(id, `${turn}\n`);
    }
    await shipper.finish(id);
    const turns = Array.from({ length: index }, (_turn, turn) => `${turn}\n`);
    await expect(stored(id)).resolves.toBe(["begin\n", ...turns].join(""));
  });
  await Promise.all(sessions);
});

test("sessions that end together share a statement", async () => {
  const { database, shipper, start } = setup();
  const ids = Array.from({ length: 50 }, (_, index) => start(`session ${index}\n`));
  await Promise.all(ids.map((id) => shipper.finish(id)));
  await expect(Promise.all(ids.map(stored))).resolves.toEqual(ids.map((_id, index) => `session ${index}\n`));
  expect(database.statements).toBeLessThan(10);
});

test("a session that has written nothing costs nothing, nor does one without a folder", async () => {
  const { database, shipper, start } = setup();
  await shipper.finish(start(""));
  shipper.follow("gone", "/nowhere");
  await shipper.finish("gone");
  await shipper.finish("unknown");
  expect(database.statements).toBe(0);
});

test("of a long output the beginning and the newest part are stored", async () => {
  const { shipper, start } = setup();
  const text = Buffer.alloc(20 * MEBIBYTE, "0123456789abcde\n");
  const id = start(text);
  await shipper.finish(id);
  const pieces = await readOutput(world().database, id, { from: 0, limit: 1_000 });
  const bytes = pieces.reduce((sum, { data }) => sum + data.length, 0);
  expect(bytes).toBe(2 * MEBIBYTE);
  const last = pieces.at(-1);
  expect((last?.startAt ?? 0) + (last?.data.length ?? 0)).toBe(text.length);
});

test("the end of a session does not wait for a database that fails, and nothing is lost", async () => {
  const { database, shipper, warnings, start } = setup();
  database.behaviour = () => Promise.reject(new Error("it is away"));
  const ids = [start("first\n"), start("second\n")];
  await Promise.all(ids.map((id) => shipper.finish(id)));
  await expect(stored(ids[0] ?? "")).resolves.toBe("");
  database.behaviour = (run) => run();
  await shipper.stop();
  await expect(Promise.all(ids.map(stored))).resolves.toEqual(["first\n", "second\n"]);
  expect(warnings).toHaveLength(1);
});

test("a stop waits for what could not be stored before, and for what came since", async () => {
  const { database, shipper, start, write } = setup();
  const id = start("first\n");
  database.behaviour = () => Promise.reject(new Error("it is away"));
  await shipper.finish(id);
  write(id, "second\n");
  database.behaviour = (run) => run();
  await shipper.stop();
  await expect(stored(id)).resolves.toBe("first\nsecond\n");
});

test("nor for one that does not answer", async () => {
  const { database, shipper, start } = setup({ patienceMs: 1 });
  const { promise: answers, resolve: answer } = Promise.withResolvers<void>();
  database.behaviour = (run) => answers.then(run);
  const id = start("hello\n");
  await shipper.finish(id);
  await expect(stored(id)).resolves.toBe("");
  answer();
  await database.carriedOut(1);
  await expect(stored(id)).resolves.toBe("hello\n");
});

test("what was stored although the answer was lost is not stored twice", async () => {
  const { database, shipper, start, write } = setup({ intervalMs: 1 });
  const id = start("hello\n");
  database.behaviour = async (run) => {
    await run();
    throw new Error("the connection broke");
  };
  await database.carriedOut(1);
  write(id, "and goodbye\n");
  database.behaviour = (run) => run();
  await database.carriedOut(3);
  await shipper.finish(id);
  await expect(stored(id)).resolves.toBe("hello\nand goodbye\n");
});

test("whoever hears of a session's end finds its last lines", async () => {
  const { shipper, sessionsDirectory, create, write } = setup();
  const inner = new ScriptedRuntime();
  const runtime = new ShippedRuntime(inner, shipper, sessionsDirectory);
  const { promise, resolve } = Promise.withResolvers<SessionEnd>();
  const request = sessionRequest({}, { jobKey: "a" });
  create(request.executionId);
  runtime.start(request, resolve);
  write(request.executionId, "the last line\n");
  runtime.setTimeout(request.executionId, 7);
  expect(inner.timeouts.get(request.executionId)).toBe(7);
  runtime.stop(request.executionId, "cancelled");
  expect([inner.running, runtime.running]).toEqual([0, 1]);
  await expect(promise).resolves.toMatchObject({ outcome: { kind: "stopped", cause: "cancelled" } });
  await expect(stored(request.executionId)).resolves.toBe("the last line\n");
  expect(runtime.running).toBe(0);
});

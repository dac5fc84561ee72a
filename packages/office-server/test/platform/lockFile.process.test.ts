import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LockTimeoutError, withLock } from "../../src/platform/lockFile.ts";

const lockFile = join(import.meta.dirname, "../../src/platform/lockFile.ts");

function setup() {
  const folder = mkdtempSync(join(tmpdir(), "office-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const children: ChildProcess[] = [];
  onTestFinished(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  return {
    lock: join(folder, "lock"),
    journal: join(folder, "journal"),
    /** A process that runs `body` with `withLock`, `lock` and `journal` in scope. */
    process(body: string): ChildProcess {
      const script = `
        import { appendFileSync } from "node:fs";
        import { withLock } from ${JSON.stringify(lockFile)};
        const [lock, journal] = process.argv.slice(1);
        ${body}`;
      const args = ["--input-type=module-typescript", "-e", script, join(folder, "lock"), join(folder, "journal")];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      children.push(child);
      return child;
    },
  };
}

const holdForever = `await withLock(lock, 60_000, () => { console.log("held"); return new Promise((done) => setTimeout(done, 600_000)); });`;

test("of many processes one at a time has the lock", async () => {
  const { process: start, journal } = setup();
  const turns = 25;
  const body = `for (let turn = 0; turn < ${turns}; turn++) await withLock(lock, 60_000, async () => {
    appendFileSync(journal, "enter " + process.pid + "\\n");
    await new Promise((done) => setImmediate(done));
    appendFileSync(journal, "leave " + process.pid + "\\n");
  });`;
  const children = Array.from({ length: 4 }, () => start(body));
  await Promise.all(children.map((child) => once(child, "exit")));

  const lines = readFileSync(journal, "utf8").trim().split("\n");
  expect(lines).toHaveLength(4 * turns * 2);
  const broken = lines.filter((line, at) => at % 2 === 1 && line !== lines[at - 1]?.replace("enter", "leave"));
  expect(broken).toEqual([]);
});

test("the lock of a process that was killed is taken over by exactly one of those who wait", async () => {
  const { process: start, lock, journal } = setup();
  const holder = start(holdForever);
  await once(holder.stdout as NodeJS.ReadableStream, "data");
  const waiting = Array.from({ length: 5 }, (_, at) =>
    withLock(lock, 60_000, async () => {
      appendFileSync(journal, `enter ${at}\n`);
      await Promise.resolve();
      appendFileSync(journal, `leave ${at}\n`);
    }),
  );
  holder.kill("SIGKILL");
  await Promise.all(waiting);

  const lines = readFileSync(journal, "utf8").trim().split("\n");
  expect(lines.filter((line, at) => at % 2 === 1 && line !== lines[at - 1]?.replace("enter", "leave"))).toEqual([]);
  expect(lines).toHaveLength(10);
});

test("who waits too long is told who has the lock", async () => {
  const { process: start, lock } = setup();
  const holder = start(holdForever);
  await once(holder.stdout as NodeJS.ReadableStream, "data");

  const attempt = withLock(lock, 50, () => Promise.resolve("never"));
  await expect(attempt).rejects.toThrow(LockTimeoutError);
  await expect(withLock(lock, 0, () => Promise.resolve("never"))).rejects.toThrow(`Process ${holder.pid} `);
});

test("a pid that another process has now does not keep the lock", async () => {
  const { lock } = setup();
  await withLock(lock, 0, () => Promise.resolve());
  const [generation = ""] = readdirSync(lock);
  writeFileSync(join(lock, generation), JSON.stringify({ bootId: "another boot", pid: process.pid, startTime: "1" }));

  expect(await withLock(lock, 0, () => Promise.resolve("taken"))).toBe("taken");
});

test("a failed action releases the lock, and its error is passed on", async () => {
  const { lock } = setup();
  await expect(withLock(lock, 0, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await withLock(lock, 0, () => Promise.resolve("taken"))).toBe("taken");
});

test("one file is all that remains", async () => {
  const { lock } = setup();
  for (let turn = 0; turn < 5; turn++) await withLock(lock, 0, () => Promise.resolve());
  expect(readdirSync(lock)).toEqual(["5"]);
});

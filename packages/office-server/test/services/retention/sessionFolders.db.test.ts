import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "office-server/platform/ids.ts";
import { identityOf } from "office-server/platform/processIdentity.ts";
import { deleteExpiredFolders } from "office-server/services/retention/sessionFolders.ts";
import { writeRecord } from "office-server/services/session/host/records.ts";
import { expect, onTestFinished, test } from "vitest";
import { setupFile } from "../../../../../test/support/scheduler.ts";

const world = setupFile();
const LONG_AGO = new Date("2020-01-01");

/** A folder of sessions, and in it one for each execution. */
function setupFolder() {
  const sessionsDirectory = mkdtempSync(join(tmpdir(), "office-folders-"));
  onTestFinished(() => rmSync(sessionsDirectory, { recursive: true }));
  const at = (name: string): string => join(sessionsDirectory, name);
  return {
    at,
    sessionsDirectory,
    add(name: string, { old = true, host = 0 } = {}): string {
      mkdirSync(at(name));
      writeFileSync(join(at(name), "output.log"), "hello");
      const identity = host === 0 ? null : identityOf(host);
      if (identity !== null) writeRecord(at(name), "host", { host: identity, startedAt: null, program: null });
      if (old) utimesSync(at(name), LONG_AGO, LONG_AGO);
      return at(name);
    },
    clean: (days = 30) => deleteExpiredFolders({ database: world().database, sessionsDirectory, days }),
  };
}

test("folders of sessions that ended long ago go; those of others, and what is none, stay", async () => {
  const office = await world().createOffice();
  await office.submit({ running: {} });
  const { execution_id: running } = await office.claimOne();
  const { add, clean } = setupFolder();
  const stay = [
    add(newId(), { old: false }),
    add(newId(), { host: process.pid }),
    add(running),
    add(".host-cache"),
    add("something else"),
  ];
  const go = [add(newId()), add(newId())];
  await expect(clean()).resolves.toBe(2);
  expect(go.filter((path) => existsSync(path))).toEqual([]);
  expect(stay.filter((path) => !existsSync(path))).toEqual([]);
});

test("nothing goes when it is to be kept for ever", async () => {
  const { add, clean } = setupFolder();
  add(newId());
  await expect(clean(0)).resolves.toBe(0);
});

test("a machine that has run no session has no folder", async () => {
  const sessionsDirectory = join(tmpdir(), newId());
  await expect(deleteExpiredFolders({ database: world().database, sessionsDirectory, days: 1 })).resolves.toBe(0);
});

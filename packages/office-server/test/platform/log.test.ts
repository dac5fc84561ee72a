import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { createLogger } from "../../src/platform/log.ts";

function setup(isTTY: boolean) {
  const written: string[] = [];
  const sink = { isTTY, write: (text: string) => written.push(stripVTControlCharacters(text)) };
  return { written, log: createLogger("info", sink) };
}

test("one JSON object a line, with the time and no password", () => {
  const { written, log } = setup(false);
  log.info({ url: "postgres://me:secret@db/x", jobs: 3 }, "ready");
  log.debug("too much");
  expect(written).toHaveLength(1);
  const line = JSON.parse(written[0] ?? "") as Record<string, unknown>;
  expect(line).toMatchObject({ msg: "ready", url: "postgres://me:***@db/x", jobs: 3, level: 30 });
  expect(line["time"]).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test("on a terminal a line for people", () => {
  const { written, log } = setup(true);
  log.warn({ jobs: 3, office: "website" }, "slow");
  log.error(new Error("postgres://me:secret@db is away"));
  expect(written[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}slow jobs=3 office=website\n$/);
  expect(written[1]).toMatch(/^\d\d:\d\d:\d\d error .*postgres:\/\/me:\*\*\*@db is away/);
});

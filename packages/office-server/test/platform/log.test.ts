import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { createLogger } from "../../src/platform/log.ts";

function setup(isTTY: boolean) {
  const written: string[] = [];
  const sink = { isTTY, write: (text: string) => written.push(stripVTControlCharacters(text)) };
  return { written, log: createLogger("info", sink, { component: "worker", worker: "host/boot/1/2" }) };
}

test("one JSON object a line, with the time and no password", () => {
  const { written, log } = setup(false);
  log.info({ url: "postgres://me:secret@db/x", jobs: 3 }, "ready");
  log.debug("too much");
  expect(written).toHaveLength(1);
  const line = JSON.parse(written[0] ?? "") as Record<string, unknown>;
  expect(line).toMatchObject({
    msg: "ready",
    component: "worker",
    worker: "host/boot/1/2",
    url: "postgres://me:***@db/x",
    jobs: 3,
    level: 30,
  });
  expect(line["time"]).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test("on a terminal a line for people", () => {
  const { written, log } = setup(true);
  log.warn({ jobs: 3, office: "website" }, "slow");
  log.error(new Error("postgres://me:secret@db is away"));
  expect(written[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}worker: slow jobs=3 office=website\n$/);
  expect(written[1]).toMatch(/^\d\d:\d\d:\d\d error .*postgres:\/\/me:\*\*\*@db is away/);
});

describe("no secret", () => {
  const KEY = `ofk_${"aB3-_".repeat(8)}xyz`;
  const JWT = ["eyJhbGciOiJIUzI1NiJ9", "eyJyb2xlIjoic2VydmljZV9yb2xlIn0", "c2lnbmF0dXJl-_"].join(".");

  test.each([
    ["token", { token: "hidden-1" }],
    ["an Authorization header", { req: { headers: { authorization: "Bearer hidden-2" } } }],
    ["a password", { settings: [{ db: { dbPassword: "hidden-3" } }] }],
    ["secrets in a list", { secrets: ["hidden-4"] }],
    ["an object", { credentials: { user: "me", with: "hidden-5" } }],
    ["a service role key", { SUPABASE_SERVICE_ROLE_KEY: "hidden-6" }],
    ["an API key", { "x-api-key": "hidden-7" }],
  ])("by its name: %s", (_name, fields) => {
    for (const isTTY of [true, false]) {
      const { written, log } = setup(isTTY);
      log.child({ deeper: fields }).info(fields, "message");
      expect(written.join("")).toContain("message");
      expect(written.join("")).not.toContain("hidden");
    }
  });

  test.each([
    ["a key of ours", `refused ${KEY}`, "refused ofk_***"],
    ["a key on a line of its own", `refused:\n${KEY}\n`, "refused:\nofk_***\n"],
    ["a bearer token", "sent Authorization: Bearer abc.def-123-xyz/456+=", "sent Authorization: Bearer ***"],
    ["a JSON web token", `key ${JWT} is old`, "key *** is old"],
    ["Slack's address", "to https://hooks.slack.com/services/T0/B0/xyz9", "to https://hooks.slack.com/services/***"],
    ["another one's key", `sk-${"proj-0123-".repeat(3)}`, "sk-***"],
  ])("by its look: %s", (_name, message, shown) => {
    const { written, log } = setup(false);
    log.info(message);
    expect(JSON.parse(written[0] ?? "")).toMatchObject({ msg: shown });
  });

  test("what only sounds like one stays", () => {
    const { written, log } = setup(false);
    const fields = { job_key: "schema", tokens_used: 12, hasToken: true, token: null, tokenizer: "fast" };
    log.info(fields, "a bearer of news: the secretary, basically");
    expect(JSON.parse(written[0] ?? "")).toMatchObject(fields);
    expect(written[0]).toContain("a bearer of news: the secretary, basically");
  });

  test.each(["eyJ-", "eyJaaaaaaaaa.", "of", "ofk_", "sk-", "Bearer ", "://a:", "hooks.slack.com/", '"token"'])(
    "a megabyte of %s takes a moment, not minutes",
    (piece) => {
      const { written, log } = setup(false);
      log.info(piece.repeat(1_000_000 / piece.length));
      expect(written).toHaveLength(1);
    },
  );
});

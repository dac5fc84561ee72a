import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError, readConfig, withoutPasswords } from "../../src/platform/config.ts";

test("an empty environment gives the defaults", () => {
  expect(readConfig({ MAX_SESSIONS: "" })).toEqual({
    databaseUrl: null,
    databaseSchema: "public",
    officeHome: resolve(".office"),
    logLevel: "info",
    maxSessions: null,
    tickIntervalMs: 5_000,
    environment: { MAX_SESSIONS: "" },
  });
});

test("every variable is read", () => {
  const environment = {
    DATABASE_URL: "postgres://me:secret@db:5432/office",
    DATABASE_SCHEMA: "agents",
    OFFICE_HOME: "/var/lib/office",
    LOG_LEVEL: "debug",
    MAX_SESSIONS: "8",
    TICK_INTERVAL_MS: "0",
  };
  expect(readConfig(environment)).toEqual({
    databaseUrl: "postgres://me:secret@db:5432/office",
    databaseSchema: "agents",
    officeHome: "/var/lib/office",
    logLevel: "debug",
    maxSessions: 8,
    tickIntervalMs: 0,
    environment,
  });
});

describe("what makes no sense is refused", () => {
  test.each([
    ["DATABASE_URL", "mysql://db/office", "must be an address like postgres://"],
    ["DATABASE_URL", "db", "must be an address like postgres://"],
    ["DATABASE_SCHEMA", "Agents", "must be a name"],
    ["DATABASE_SCHEMA", "a; DROP TABLE x", "must be a name"],
    ["LOG_LEVEL", "loud", "must be one of trace, debug, info, warn, error, silent"],
    ["MAX_SESSIONS", "0", "must be a whole number from 1 to 10000"],
    ["MAX_SESSIONS", "1.5", "must be a whole number from 1 to 10000"],
    ["TICK_INTERVAL_MS", "5s", "must be a whole number from 0 to 3600000"],
    ["TICK_INTERVAL_MS", "99999999999999999999", "must be a whole number from 0 to 3600000"],
  ])("%s=%s", (name, value, reason) => {
    expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
    expect(() => readConfig({ [name]: value })).toThrow(`${name} is "${value}"; it ${reason}`);
  });

  test("all of it at once, without the password", () => {
    const environment = { DATABASE_URL: "mysql://me:secret@db/x", LOG_LEVEL: "loud" };
    expect(() => readConfig(environment)).toThrow(
      /^DATABASE_URL is "mysql:\/\/me:\*\*\*@db\/x"; .*\nLOG_LEVEL is "loud"/,
    );
  });
});

test("passwords of addresses are hidden, and nothing else is", () => {
  expect(withoutPasswords("at postgres://me:s3cr%2Ft@db:5432/x and http://host:80/a@b")).toBe(
    "at postgres://me:***@db:5432/x and http://host:80/a@b",
  );
});

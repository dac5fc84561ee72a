import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError, readConfig, withoutPasswords } from "../../src/platform/config.ts";

const DEFAULTS = {
  databaseUrl: null,
  databaseSchema: "public",
  officeHome: resolve(".office"),
  logLevel: "info",
  maxSessions: null,
  tickIntervalMs: 5_000,
  host: "127.0.0.1",
  port: 3_001,
  schedulerPort: 3_002,
  lease: { heartbeatMs: 5_000, fenceMs: 15_000, leaseMs: 20_000, reapMs: 2_000, lossesMax: 5 },
  workerName: null,
  publicUrl: "http://127.0.0.1:3001",
  allowedHosts: [],
  allowRun: false,
  allowPrivateWebhooks: false,
  rateLimitPerMinute: 60_000,
  retentionDays: 30,
  slackWebhookUrl: null,
  supabase: null,
};

test("an empty environment gives the defaults", () => {
  expect(readConfig({ MAX_SESSIONS: "" })).toEqual({ ...DEFAULTS, environment: { MAX_SESSIONS: "" } });
});

test("every variable is read", () => {
  const environment = {
    DATABASE_URL: "postgres://me:secret@db:5432/office",
    DATABASE_SCHEMA: "agents",
    OFFICE_HOME: "/var/lib/office",
    LOG_LEVEL: "debug",
    MAX_SESSIONS: "8",
    TICK_INTERVAL_MS: "0",
    HOST: "::",
    PORT: "80",
    SCHEDULER_PORT: "0",
    WORKER_HEARTBEAT_MS: "100",
    WORKER_FENCE_MS: "200",
    WORKER_LEASE_MS: "700",
    WORKER_REAP_MS: "50",
    WORKER_LOSSES_MAX: "1",
    WORKER_ID: "blue",
    PUBLIC_URL: "https://office.example/",
    ALLOWED_HOSTS: "Office.example, other.example,",
    ALLOW_RUN: "1",
    WEBHOOK_ALLOW_PRIVATE: "true",
    RATE_LIMIT_PER_MINUTE: "7",
    RETENTION_DAYS: "0",
    SLACK_WEBHOOK_URL: "https://hooks.example/x",
    SUPABASE_URL: "https://project.example/",
    SUPABASE_SERVICE_ROLE_KEY: "key",
  };
  const config = readConfig(environment);
  expect(Object.keys(config).toSorted()).toEqual([...Object.keys(DEFAULTS), "environment"].toSorted());
  expect(config).toEqual({
    databaseUrl: "postgres://me:secret@db:5432/office",
    databaseSchema: "agents",
    officeHome: "/var/lib/office",
    logLevel: "debug",
    maxSessions: 8,
    tickIntervalMs: 0,
    host: "::",
    port: 80,
    schedulerPort: 0,
    lease: { heartbeatMs: 100, fenceMs: 200, leaseMs: 700, reapMs: 50, lossesMax: 1 },
    workerName: "blue",
    publicUrl: "https://office.example",
    allowedHosts: ["office.example", "other.example"],
    allowRun: true,
    allowPrivateWebhooks: true,
    rateLimitPerMinute: 7,
    retentionDays: 0,
    slackWebhookUrl: "https://hooks.example/x",
    supabase: { url: "https://project.example", serviceRoleKey: "key" },
    environment,
  });
});

test("an address of version 6 makes an address of the API", () => {
  expect(readConfig({ HOST: "::1" }).publicUrl).toBe("http://[::1]:3001");
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
    ["PORT", "65536", "must be a whole number from 0 to 65535"],
    ["SCHEDULER_PORT", "-1", "must be a whole number from 0 to 65535"],
    ["WORKER_ID", "a/b", "must be at most 100 letters"],
    ["PUBLIC_URL", "office.example", "must be an address like https://"],
    ["ALLOW_RUN", "yes", "must be 1 or 0"],
    ["RETENTION_DAYS", "36501", "must be a whole number from 0 to 36500"],
  ])("%s=%s", (name, value, reason) => {
    expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
    expect(() => readConfig({ [name]: value })).toThrow(`${name} is "${value}"; it ${reason}`);
  });

  test("a lease that could end before its sessions are gone, or be lost by one sign of life", () => {
    expect(() => readConfig({ WORKER_FENCE_MS: "9999" })).toThrow(
      "WORKER_FENCE_MS is 9999; it must be at least twice WORKER_HEARTBEAT_MS, which is 5000",
    );
    expect(() => readConfig({ WORKER_LEASE_MS: "15499" })).toThrow(
      "WORKER_LEASE_MS is 15499; it must be at least 500 more than WORKER_FENCE_MS, which is 15000",
    );
    expect(() => readConfig({ WORKER_LOSSES_MAX: "0" })).toThrow('WORKER_LOSSES_MAX is "0"');
  });

  test("half of what Supabase needs", () => {
    expect(() => readConfig({ SUPABASE_URL: "https://project.example" })).toThrow(
      "SUPABASE_SERVICE_ROLE_KEY is not set",
    );
    expect(() => readConfig({ SUPABASE_SERVICE_ROLE_KEY: "key" })).toThrow("SUPABASE_URL is not set");
  });

  test("a secret is not repeated", () => {
    const secret = "hooks.slack.com/services/T/B/x";
    expect(() => readConfig({ SLACK_WEBHOOK_URL: secret })).toThrow(
      "SLACK_WEBHOOK_URL is set to something that is wrong",
    );
    expect(() => readConfig({ SLACK_WEBHOOK_URL: secret })).not.toThrow(secret);
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

import { resolve } from "node:path";
import { z } from "zod";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** See services/scheduler/WorkerLease.ts. All times in ms. */
export interface LeaseConfig {
  /** Between two signs of life of a worker. */
  heartbeatMs: number;
  /** Without a sign of life that arrived for so long, a worker's sessions are stopped. */
  fenceMs: number;
  /** Without one for so long, a worker is declared lost, and its jobs run elsewhere. */
  leaseMs: number;
  /** Between two looks for workers that are lost. */
  reapMs: number;
  /** A job under which so many workers were lost is not run again by itself. */
  lossesMax: number;
}

/** What the environment says, read once at the start of a process. */
export interface Config {
  /** Null: the embedded PostgreSQL of `officeHome`. */
  databaseUrl: string | null;
  databaseSchema: string;
  /** Absolute. State of this machine's office: embedded database, session output, token. */
  officeHome: string;
  logLevel: LogLevel;
  /** Sessions that this process may run at the same time, over all offices. Null: no limit of its own. */
  maxSessions: number | null;
  /** How often the scheduler looks for what it was not told of. 0: never. */
  tickIntervalMs: number;
  /** Where the API and the workers' health listen. */
  host: string;
  /** The API's. 0: any free one. */
  port: number;
  /** The worker's health. 0: any free one. */
  schedulerPort: number;
  /** How workers prove that they are alive. */
  lease: LeaseConfig;
  /** A name for this worker, for people to read; null: the host's. */
  workerName: string | null;
  /** Where people reach the API, for links in messages; without a slash at its end. */
  publicUrl: string;
  /** Names besides its own under which the API may be addressed. */
  allowedHosts: readonly string[];
  /** Whether jobs with `run`, a shell line, may be submitted through the API. */
  allowRun: boolean;
  /** Whether webhooks may lead to private addresses: of this machine, or of its networks. */
  allowPrivateWebhooks: boolean;
  /** Requests that one key may send. */
  rateLimitPerMinute: number;
  /** How long finished jobs, their output and their events are kept. 0: for ever. */
  retentionDays: number;
  slackWebhookUrl: string | null;
  supabase: { url: string; serviceRoleKey: string } | null;
  /** Everything else: what sessions may be given a part of. */
  environment: Readonly<Record<string, string | undefined>>;
}

/** Raised when the environment makes no sense. Its message has a line for each variable that is wrong. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

const SESSIONS_MAX = 10_000;
const TICK_INTERVAL_MS_MAX = 60 * 60_000;

const databaseUrl = z.string().refine((text) => /^postgres(ql)?:$/.test(protocolOf(text)), {
  error: "must be an address like postgres://user@host:5432/database",
});

const databaseSchema = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, {
  error: "must be a name of at most 63 lower-case letters, digits and underscores that does not begin with a digit",
});

const wholeNumber = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, { error, abort: true })
    .transform(Number)
    .pipe(z.int({ error }).min(min, { error }).max(max, { error }));
};

const webAddress = z.string().refine((text) => /^https?:$/.test(protocolOf(text)), {
  error: "must be an address like https://example.com",
});

const PORT_MAX = 65_535;
const RATE_LIMIT_MAX = 10_000_000;
const RETENTION_DAYS_MAX = 36_500;

/** Long enough for sessions to be ended between the fence and the end of the lease. */
const FENCE_MARGIN_MS = 500;
const LEASE_MS_MAX = 60 * 60_000;
const LOSSES_MAX = 1_000;

const duration = (fallback: number) => wholeNumber(50, LEASE_MS_MAX).default(fallback);
const port = (fallback: number) => wholeNumber(0, PORT_MAX).default(fallback);
const flag = z
  .enum(["0", "1", "false", "true"], { error: "must be 1 or 0" })
  .default("0")
  .transform((text) => text === "1" || text === "true");
const names = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== ""),
  );
/** It becomes a part of the worker's id. */
const workerName = z.string().regex(/^[\w.:-]{1,100}$/, {
  error: "must be at most 100 letters, digits, dots, colons, dashes and underscores",
});

const environmentSchema = z.object({
  DATABASE_URL: databaseUrl.nullable().default(null),
  DATABASE_SCHEMA: databaseSchema.default("public"),
  OFFICE_HOME: z.string().default(".office"),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` }).default("info"),
  MAX_SESSIONS: wholeNumber(1, SESSIONS_MAX).nullable().default(null),
  TICK_INTERVAL_MS: wholeNumber(0, TICK_INTERVAL_MS_MAX).default(5_000),
  HOST: z.string().default("127.0.0.1"),
  PORT: port(3_001),
  SCHEDULER_PORT: port(3_002),
  WORKER_HEARTBEAT_MS: duration(5_000),
  WORKER_FENCE_MS: duration(15_000),
  WORKER_LEASE_MS: duration(20_000),
  WORKER_REAP_MS: duration(2_000),
  WORKER_LOSSES_MAX: wholeNumber(1, LOSSES_MAX).default(5),
  WORKER_ID: workerName.nullable().default(null),
  PUBLIC_URL: webAddress.nullable().default(null),
  ALLOWED_HOSTS: names,
  ALLOW_RUN: flag,
  WEBHOOK_ALLOW_PRIVATE: flag,
  RATE_LIMIT_PER_MINUTE: wholeNumber(1, RATE_LIMIT_MAX).default(60_000),
  RETENTION_DAYS: wholeNumber(0, RETENTION_DAYS_MAX).default(30),
  SLACK_WEBHOOK_URL: webAddress.nullable().default(null),
  SUPABASE_URL: webAddress.nullable().default(null),
  SUPABASE_SERVICE_ROLE_KEY: z.string().nullable().default(null),
});

/**
 * Reads and checks the environment. A variable that is set to nothing counts as not set.
 *
 * @throws ConfigError that names each wrong variable, its value and what would be right
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const { success, data, error } = environmentSchema.safeParse(present);
  if (!success) throw new ConfigError(error.issues.map((issue) => describeProblem(issue, present)).join("\n"));
  return {
    databaseUrl: data.DATABASE_URL,
    databaseSchema: data.DATABASE_SCHEMA,
    officeHome: resolve(data.OFFICE_HOME),
    logLevel: data.LOG_LEVEL,
    maxSessions: data.MAX_SESSIONS,
    tickIntervalMs: data.TICK_INTERVAL_MS,
    host: data.HOST,
    port: data.PORT,
    schedulerPort: data.SCHEDULER_PORT,
    lease: leaseOf(data),
    workerName: data.WORKER_ID,
    publicUrl: withoutSlash(data.PUBLIC_URL ?? `http://${hostInUrl(data.HOST)}:${data.PORT}`),
    allowedHosts: data.ALLOWED_HOSTS,
    allowRun: data.ALLOW_RUN,
    allowPrivateWebhooks: data.WEBHOOK_ALLOW_PRIVATE,
    rateLimitPerMinute: data.RATE_LIMIT_PER_MINUTE,
    retentionDays: data.RETENTION_DAYS,
    slackWebhookUrl: data.SLACK_WEBHOOK_URL,
    supabase: supabaseOf(data.SUPABASE_URL, data.SUPABASE_SERVICE_ROLE_KEY),
    environment: Object.freeze({ ...environment }),
  };
}

/**
 * Takes PGSSLMODE, PGOPTIONS and the like out of this process's environment: they are about servers elsewhere, and `pg`
 * would follow them on the way to the embedded one as well.
 */
export function forgetPostgresVariables(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith("PG")) delete process.env[name];
}

/** Hides the passwords of addresses in a text, for logs and messages. In linear time: a message may be a megabyte long. */
export const withoutPasswords = (text: string): string =>
  text.replaceAll(/(:\/\/[^\s:@/"']{0,256}:)[^\s@/"']{1,1024}@/g, "$1***@");

/** Variables whose whole value is a secret. */
const SECRET = /_KEY$|_TOKEN$|^SLACK_/;

function describeProblem(issue: z.core.$ZodIssue, environment: Record<string, string | undefined>): string {
  const name = String(issue.path[0]);
  const value = SECRET.test(name) ? "set to something that is wrong" : `"${environment[name]}"`;
  return withoutPasswords(`${name} is ${value}; it ${issue.message}`);
}

/** An IPv6 address is in brackets there. */
const hostInUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host);

const withoutSlash = (address: string): string => address.replace(/\/+$/, "");

function supabaseOf(url: string | null, serviceRoleKey: string | null): Config["supabase"] {
  if (url !== null && serviceRoleKey !== null) return { url: withoutSlash(url), serviceRoleKey };
  if (url === null && serviceRoleKey === null) return null;
  const missing = url === null ? "SUPABASE_URL" : "SUPABASE_SERVICE_ROLE_KEY";
  throw new ConfigError(`${missing} is not set; Supabase Realtime needs SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY`);
}

/** A sign of life may be missed once, and sessions are gone before their jobs run elsewhere. */
function leaseOf(data: z.output<typeof environmentSchema>): LeaseConfig {
  const { WORKER_HEARTBEAT_MS: heartbeatMs, WORKER_FENCE_MS: fenceMs, WORKER_LEASE_MS: leaseMs } = data;
  if (fenceMs < 2 * heartbeatMs) {
    throw new ConfigError(
      `WORKER_FENCE_MS is ${fenceMs}; it must be at least twice WORKER_HEARTBEAT_MS, which is ${heartbeatMs}`,
    );
  }
  if (leaseMs < fenceMs + FENCE_MARGIN_MS) {
    throw new ConfigError(
      `WORKER_LEASE_MS is ${leaseMs}; it must be at least ${FENCE_MARGIN_MS} more than WORKER_FENCE_MS, which is ${fenceMs}`,
    );
  }
  return { heartbeatMs, fenceMs, leaseMs, reapMs: data.WORKER_REAP_MS, lossesMax: data.WORKER_LOSSES_MAX };
}

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : "";
}

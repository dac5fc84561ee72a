import { resolve } from "node:path";
import { z } from "zod";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

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

const environmentSchema = z.object({
  DATABASE_URL: databaseUrl.nullable().default(null),
  DATABASE_SCHEMA: databaseSchema.default("public"),
  OFFICE_HOME: z.string().default(".office"),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` }).default("info"),
  MAX_SESSIONS: wholeNumber(1, SESSIONS_MAX).nullable().default(null),
  TICK_INTERVAL_MS: wholeNumber(0, TICK_INTERVAL_MS_MAX).default(5_000),
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

function describeProblem(issue: z.core.$ZodIssue, environment: Record<string, string | undefined>): string {
  const name = String(issue.path[0]);
  return withoutPasswords(`${name} is "${environment[name]}"; it ${issue.message}`);
}

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : "";
}

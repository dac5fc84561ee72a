import pg from "pg";
import { type Config, forgetPostgresVariables, withoutPasswords } from "../platform/config.ts";
import { inTime } from "../platform/timers.ts";
import {
  acquireEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from "./embedded/embeddedPostgres.ts";

/** Raised when the database of DATABASE_URL cannot be used. */
export class DatabaseUnusableError extends Error {
  override name = "DatabaseUnusableError";
}

const CONNECT_TIMEOUT_MS = 15_000;
/** As PostgreSQL numbers its versions: 15.0. */
const SERVER_VERSION_MIN = 15_00_00;

/**
 * The database that the configuration asks for: the one it names, or the embedded one of the office home. `onLost`
 * is told when the embedded server died and could not be started again.
 *
 * @throws DatabaseUnusableError EmbeddedPostgresError ConfigError
 */
export async function acquireDatabase(
  { databaseUrl, officeHome }: Pick<Config, "databaseUrl" | "officeHome">,
  told: Pick<EmbeddedPostgresOptions, "onLost" | "onBack"> = {},
): Promise<EmbeddedPostgres> {
  if (databaseUrl === null) {
    forgetPostgresVariables();
    return acquireEmbeddedPostgres(officeHome, told);
  }
  await checkServer(databaseUrl);
  return { url: databaseUrl, release: () => Promise.resolve() };
}

async function checkServer(url: string): Promise<void> {
  const version = await serverVersion(url).catch((error: Error) => {
    throw new DatabaseUnusableError(`DATABASE_URL ${withoutPasswords(url)} takes no connection: ${reasonOf(error)}`);
  });
  if (version < SERVER_VERSION_MIN) {
    const major = Math.floor(version / 10_000);
    throw new DatabaseUnusableError(`DATABASE_URL leads to PostgreSQL ${major}; it must be 15 or later`);
  }
}

async function serverVersion(connectionString: string): Promise<number> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number }>(
      "SELECT current_setting('server_version_num')::int AS version",
    );
    return rows[0]?.version ?? 0;
  } finally {
    await inTime(client.end(), CONNECT_TIMEOUT_MS).catch(() => {});
  }
}

/** A host with several addresses that all refuse is one error without words of its own. */
const reasonOf = (error: Error): string =>
  error instanceof AggregateError ? error.errors.map(({ message }: Error) => message).join("; ") : error.message;

import pg from "pg";
import { waitUntil } from "../../platform/waitUntil.ts";
import { SUPERUSER } from "./cluster.ts";
import { EmbeddedPostgresError } from "./errors.ts";

const DATABASE = "office";
/** By this name the users of a server know each other; their pid follows. */
const HOLDER_PREFIX = "office:";

export const serverUrl = (port: number, password: string): string =>
  `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${DATABASE}`;

/** Opens the connection that says "in use". `onEnd` is called when it ends, for whatever reason. */
export async function connectHolder(url: string, onEnd: () => void): Promise<pg.Client> {
  const holder = await connect(url);
  holder.on("error", () => {}).on("end", onEnd);
  return holder;
}

/** Connects to the database `office`, and creates it in a new cluster. */
async function connect(url: string): Promise<pg.Client> {
  try {
    return await connectWhenReady(url);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "28P01") {
      throw new EmbeddedPostgresError(
        "The password in postgres.password is not the one that this office's database was made with. " +
          "Put the old file back; without it, the database can be opened by `trust` in its pg_hba.conf only.",
      );
    }
    if (code !== "3D000") throw new EmbeddedPostgresError(`PostgreSQL takes no connection: ${message}`);
  }
  const client = await connectWhenReady(new URL("/postgres", url).href);
  await client.query(`CREATE DATABASE ${DATABASE}`);
  await client.end();
  return connectWhenReady(url);
}

/**
 * A server that recovers from the crash of one of its processes refuses connections for a moment, and cuts those that are just
 * being made.
 */
const PASSING = /^(57P0\d|ECONNRESET|ECONNREFUSED|EPIPE)$/;
const CUT = "Connection terminated unexpectedly";

const isPassing = (error: unknown): boolean => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return PASSING.test(code) || message === CUT;
};

async function connectWhenReady(url: string): Promise<pg.Client> {
  let refusal: unknown = null;
  const client = await waitUntil(
    async () => {
      const attempt = new pg.Client({ connectionString: url, application_name: `${HOLDER_PREFIX}${process.pid}` });
      try {
        await attempt.connect();
        return attempt;
      } catch (error) {
        refusal = error;
        if (isPassing(error)) return null;
        throw error;
      }
    },
    { everyMs: 50, timeoutMs: 30_000 },
  );
  if (client === null) throw refusal;
  return client;
}

/** Our own connections may need a moment to vanish after they were closed. */
const CLOSING_MS = 500;

const OTHERS = `
  SELECT count(*) FILTER (WHERE application_name LIKE '${HOLDER_PREFIX}%')::int AS holders, count(*)::int AS clients
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;

/** Whether nobody but `holder` is connected to the server. A server that does not answer has no last user. */
export async function isLastUser(holder: pg.Client): Promise<boolean> {
  try {
    const answer = await waitUntil(
      async () => {
        const { rows } = await holder.query<{ holders: number; clients: number }>(OTHERS);
        const { holders = 0, clients = 0 } = rows[0] ?? {};
        if (holders > 0) return "shared";
        return clients === 0 ? "alone" : null;
      },
      { everyMs: 10, timeoutMs: CLOSING_MS },
    );
    return answer === "alone";
  } catch {
    return false;
  }
}

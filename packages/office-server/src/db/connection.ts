import pg from "pg";
import { Refusal } from "../domain/refusal.ts";

export interface DatabaseOptions {
  connectionString: string;
  /** Where the tables are. */
  schema: string;
  /** Most connections at a time, besides the one that listens. */
  connectionsMax?: number;
  /** How long it may take to connect, in ms. Default 10 s. */
  connectMsMax?: number;
  /** Called with errors of idle connections. The pool replaces them by itself. */
  onIdleError?: (error: Error) => void;
}

/**
 * Nobody holds an office for longer than a few seconds, whatever happens to him: a transaction that does nothing is ended by
 * the server, which needs no word of a client that is gone or cannot be reached.
 */
const IDLE_IN_TRANSACTION_MS_MAX = 5_000;
/** Longer than many submissions of the largest size in a row; then whoever waits is told, and may try again. */
const LOCK_WAIT_MS_MAX = 8_000;
const STATEMENT_MS_MAX = 30_000;
/** Where no answer comes although the server must have given up: the connection is half-open. */
const ANSWER_MS_MAX = STATEMENT_MS_MAX + 5_000;
const CONNECT_MS_MAX = 10_000;
/** An operator's own, in the address, come after them and count. */
const TIMEOUTS = `-c idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_MS_MAX} -c lock_timeout=${LOCK_WAIT_MS_MAX} -c statement_timeout=${STATEMENT_MS_MAX}`;

export interface QueryOptions {
  /** How long the answer may take, in ms; then the connection is given up. Whether the statement took effect is not known. */
  timeoutMs?: number;
}

/** For a statement that waits for no lock and takes a moment. */
export const LOOK: QueryOptions = { timeoutMs: 10_000 };
/** For what is tried again soon, and must come within seconds: who waits for an answer longer had better ask elsewhere. */
export const PROMPT: QueryOptions = { timeoutMs: 4_000 };

/** What runs statements: the database, each in a transaction of its own, or an open transaction. */
export interface Queryable {
  /** Runs one statement. `name` is what it is prepared under, and belongs to this text alone. */
  query<Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    values?: unknown[],
    options?: QueryOptions,
  ): Promise<Row[]>;
}

/** A pool of connections to one scheduler database. */
export class Database implements Queryable {
  readonly options: DatabaseOptions;
  readonly #pool: pg.Pool;

  constructor(options: DatabaseOptions) {
    this.options = options;
    const { connectionString, startOptions } = separateOptions(options.connectionString);
    this.#pool = new pg.Pool({
      connectionString,
      max: options.connectionsMax ?? 4,
      application_name: "office",
      query_timeout: ANSWER_MS_MAX,
      connectionTimeoutMillis: options.connectMsMax ?? CONNECT_MS_MAX,
      keepAlive: true,
      // What has been prepared on a connection makes the next pass several times as fast: none is closed for being idle.
      idleTimeoutMillis: 0,
      // Named by a start-up option, since a pooler in front of the server may not keep what is SET later.
      // The isolation too: who has waited for an office's lock must not see the past, whatever the database's default is.
      // And how times are written: a database may have a style of its own, which `pg` and our cursors do not read.
      options: `${TIMEOUTS} ${startOptions} -c search_path=${pg.escapeIdentifier(options.schema)} -c default_transaction_isolation=read\\ committed -c datestyle=ISO`,
    });
    this.#pool.on("error", (error) => options.onIdleError?.(error));
  }

  async query<Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    values: unknown[] = [],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    const { rows } = await this.#pool.query<Row>(statementOf(name, text, values, options));
    return rows;
  }

  /**
   * Runs `action` inside a transaction: committed when it returns, rolled back when it throws. `options` are those of each
   * statement that has none of its own.
   */
  async transaction<T>(action: (transaction: Queryable) => Promise<T>, options: QueryOptions = {}): Promise<T> {
    const client = await this.#pool.connect();
    // A connection that breaks makes the running statement fail, or the next one; and says so here once more.
    client.on("error", ignore);
    try {
      const transaction = asQueryable(client, options);
      await transaction.query("", "BEGIN");
      const result = await action(transaction);
      await transaction.query("", "COMMIT");
      client.off("error", ignore);
      client.release();
      return result;
    } catch (error) {
      // A refusal is an answer: the connection, and what is prepared on it, are as good as before.
      const isSound = error instanceof Refusal && (await client.query("ROLLBACK").then(yes, no));
      if (isSound) client.off("error", ignore);
      // Destroying the connection rolls back as well, and cannot fail the way a ROLLBACK on a broken one does.
      client.release(!isSound);
      throw error;
    }
  }

  /** Waits for running statements, then closes every connection. */
  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** Whether a statement failed since somebody kept locked what it wanted, and nothing happened. */
export const isLockTimeout = (error: unknown): boolean => error instanceof pg.DatabaseError && error.code === "55P03";

const ignore = (): void => {};
const yes = (): boolean => true;
const no = (): boolean => false;

/** Takes `?options=` out of an address: `pg` would have it replace ours, and both are to hold. */
function separateOptions(address: string): { connectionString: string; startOptions: string } {
  if (!URL.canParse(address)) return { connectionString: address, startOptions: "" };
  const url = new URL(address);
  const startOptions = url.searchParams.get("options");
  if (startOptions === null) return { connectionString: address, startOptions: "" };
  url.searchParams.delete("options");
  return { connectionString: url.href, startOptions };
}

const asQueryable = (client: pg.ClientBase, usual: QueryOptions): Queryable => ({
  async query<Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[] = [], options = usual) {
    return (await client.query<Row>(statementOf(name, text, values, options))).rows;
  },
});

/** `pg` takes a time limit for one statement; its types do not know of it. */
const statementOf = (name: string, text: string, values: unknown[], { timeoutMs }: QueryOptions): pg.QueryConfig => ({
  name,
  text,
  values,
  ...(timeoutMs !== undefined && { query_timeout: timeoutMs }),
});

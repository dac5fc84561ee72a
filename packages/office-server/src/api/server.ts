import { acquireDatabase } from "../db/acquireDatabase.ts";
import { Database } from "../db/connection.ts";
import { migrate } from "../db/migrate.ts";
import { Announcer } from "../db/wakeups.ts";
import { tokenFileOf } from "../platform/clientConfig.ts";
import type { Config } from "../platform/config.ts";
import { newId } from "../platform/ids.ts";
import type { Logger } from "../platform/log.ts";
import { ensureFirstKey } from "../services/access/keys.ts";
import { EventHub } from "../services/events/EventHub.ts";
import { createRegistry } from "../services/metrics/registry.ts";
import { addServiceMetrics } from "../services/metrics/serviceMetrics.ts";
import { createApp } from "./app.ts";
import { HttpServer } from "./httpServer.ts";
import { createApiMetrics } from "./metrics.ts";

const CONNECTIONS_MAX = 10;
export interface ApiServerOptions {
  config: Config;
  log: Logger;
  /** Called when the embedded database has died for good. */
  onDatabaseLost: (error: Error) => void;
  checkAnswers?: boolean;
}

/** The API of one process, from its database to its port. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #endings: (() => Promise<unknown>)[] = [];
  #stopping: Promise<void> | null = null;

  constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  /**
   * Starts serving. Returns the address.
   *
   * @throws ListenError DatabaseUnusableError EmbeddedPostgresError MigrationError; nothing is left running then
   */
  async start(): Promise<string> {
    try {
      return await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Takes no more requests, ends streams, waits for what is being answered, and lets go of the database. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<string> {
    const { config, log, onDatabaseLost, checkAnswers = false } = this.#options;
    const postgres = await acquireDatabase(config, { onLost: onDatabaseLost });
    this.#endings.push(() => postgres.release());
    await migrate(postgres.url, { schema: config.databaseSchema });
    const database = new Database({
      connectionString: postgres.url,
      schema: config.databaseSchema,
      connectionsMax: CONNECTIONS_MAX,
      onIdleError: (error) => log.warn({ err: error }, "a connection to the database broke"),
    });
    this.#endings.push(() => database.close());
    const { created } = await ensureFirstKey(database, config.officeHome, log);
    if (created) log.info(`a first key was made; it is in ${tokenFileOf(config.officeHome)}`);

    const sender = newId();
    const announcer = new Announcer(database, sender);
    this.#endings.push(() => announcer.stop());
    const events = new EventHub({ database, log, tickIntervalMs: config.tickIntervalMs });
    await events.start();
    const register = createRegistry();
    addServiceMetrics(register, database);
    const metrics = createApiMetrics(register);
    const app = createApp({ database, config, log, announcer, events }, { metrics, checkAnswers });
    const server = new HttpServer(app);
    this.#endings.push(() => server.stop(() => events.stop()));
    return server.start(config);
  }

  async #stop(): Promise<void> {
    for (const end of this.#endings.splice(0).toReversed()) await end();
  }
}

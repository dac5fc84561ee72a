import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type pg from "pg";
import { withLock } from "../../platform/lockFile.ts";
import { pause } from "../../platform/timers.ts";
import { checkBinaries, findBinaries } from "./binaries.ts";
import { createCluster, superuserPassword } from "./cluster.ts";
import { connectHolder, isLastUser, serverUrl } from "./connection.ts";
import { diskFullError, isDiskFull } from "./errors.ts";
import { makeHome, placeCluster, RELOCATION_FOLDERS, relocationFolder, removeLeftovers } from "./placement.ts";
import { runningPort, startServer, stopServer } from "./server.ts";
import { SERVER_SETTINGS } from "./settings.ts";

export interface EmbeddedPostgresOptions {
  /** Laid over the usual settings, when this call is the one that starts the server. */
  settings?: Readonly<Record<string, string>>;
  /** Told when the server died and could not be started again. */
  onLost?: (error: Error) => void;
  /** Told when the server had died, and runs again. */
  onBack?: () => void;
  /** Where root may put what the server's account has to reach; for tests. */
  relocationFolders?: readonly string[];
}

export interface EmbeddedPostgres {
  /** Connects as the superuser to the database `office`. Holds the password. */
  readonly url: string;
  /** Ends our use of the server. The last user stops it. Close your own connections first. May be called twice. */
  release(): Promise<void>;
}

// Longer than a start may take, so that who waits for the starting process does not give up before it does.
const LOCK_TIMEOUT_MS = 6 * 60_000;
/** How often a server that has died is started again before it is given up. */
const BEGINNINGS_MAX = 5;
const BEGIN_AGAIN_MS = 1_000;

/**
 * The PostgreSQL server that belongs to an office home, shared by all processes that use the home: it is created on
 * first use, started when it does not run, and stopped when its last user releases it. When it dies in the meantime,
 * one of its users starts it again, on the same port if possible; committed data survives that.
 *
 * @param officeHome made when missing, for its owner alone
 * @throws ConfigError when `officeHome` cannot be used; EmbeddedPostgresError whose message says what to do
 */
export async function acquireEmbeddedPostgres(
  officeHome: string,
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const home = resolve(officeHome);
  makeHome(home);
  const use = new ServerUse(home, options);
  await use.begin();
  return use;
}

/** One use of a home's server. The connection that it keeps open tells the other users of it. */
class ServerUse implements EmbeddedPostgres {
  url = "";
  readonly #home: string;
  readonly #options: EmbeddedPostgresOptions;
  #dataFolder = "";
  #holder: pg.Client | null = null;
  #beginning: Promise<void> = Promise.resolve();
  #ending: Promise<void> | null = null;

  constructor(home: string, options: EmbeddedPostgresOptions) {
    this.#home = home;
    this.#options = options;
  }

  begin(): Promise<void> {
    this.#beginning = this.#underLock(async () => {
      const server = await ensureServer(this.#home, this.#options);
      this.#dataFolder = server.dataFolder;
      this.url = server.url;
      this.#holder = await connectHolder(server.url, () => void this.#beginAgain()).catch(async (error: unknown) => {
        // Nobody could stop it later on.
        if (server.started) await stopServer(server.dataFolder);
        throw error;
      });
    });
    return this.#beginning;
  }

  release(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await this.#beginning.catch(() => {});
    const holder = this.#holder;
    if (holder === null) return;
    await this.#underLock(async () => {
      const last = await isLastUser(holder);
      await holder.end();
      if (last) await stopServer(this.#dataFolder);
    });
  }

  /**
   * Our connection ended. Unless we are about to go, the server died or was stopped by somebody; and who did that may still be
   * about, and do it again.
   */
  async #beginAgain(): Promise<void> {
    for (let triesLeft = BEGINNINGS_MAX - 1; this.#ending === null; triesLeft--) {
      try {
        await this.begin();
        this.#options.onBack?.();
        return;
      } catch (error) {
        if (triesLeft === 0) {
          this.#options.onLost?.(error as Error);
          return;
        }
        await pause(BEGIN_AGAIN_MS);
      }
    }
  }

  #underLock(action: () => Promise<void>): Promise<void> {
    return withLock(join(this.#home, "postgres.lock"), LOCK_TIMEOUT_MS, action).catch((error: Error) => {
      throw isDiskFull(error.message) ? diskFullError(this.#home) : error;
    });
  }
}

/** Finds the running server, or starts one, on a cluster that is made if need be. Only under the lock. */
async function ensureServer(
  home: string,
  { settings, relocationFolders = RELOCATION_FOLDERS }: EmbeddedPostgresOptions,
): Promise<{ url: string; dataFolder: string; started: boolean }> {
  const placement = placeCluster(home, relocationFolders);
  const { dataFolder, account } = placement;
  const password = superuserPassword(home);
  let port = await runningPort(dataFolder);
  const started = port === null;
  if (port === null) {
    if (account !== null) removeLeftovers(relocationFolders);
    const binaries = findBinaries(account, () => relocationFolder(relocationFolders));
    if (!existsSync(dataFolder)) {
      checkBinaries(binaries, account);
      await createCluster(placement, binaries, password);
    }
    const logFile = join(home, "postgres.log");
    port = await startServer({ placement, binaries, logFile, settings: { ...SERVER_SETTINGS, ...settings } });
  }
  return { url: serverUrl(port, password), dataFolder, started };
}

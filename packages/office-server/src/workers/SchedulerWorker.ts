import type { Registry } from "prom-client";
import manifest from "../../package.json" with { type: "json" };
import { acquireDatabase } from "../db/acquireDatabase.ts";
import { Database } from "../db/connection.ts";
import { migrate } from "../db/migrate.ts";
import { pingDatabase } from "../db/ping.ts";
import { monotonicMs } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import { makeOfficeHome } from "../platform/officeHome.ts";
import { inTime } from "../platform/timers.ts";
import { EventDelivery } from "../services/events/EventDelivery.ts";
import { createRegistry } from "../services/metrics/registry.ts";
import { addEventLag } from "../services/metrics/serviceMetrics.ts";
import { WorkerMetrics } from "../services/metrics/WorkerMetrics.ts";
import { Housekeeping } from "../services/retention/Housekeeping.ts";
import { type HealthReport, reportHealth, type WorkerPhase } from "./health.ts";
import { HealthServer } from "./HealthServer.ts";
import { type Departing, Scheduling } from "./Scheduling.ts";
import { sessionsDirectoryOf } from "./sessions.ts";

export interface SchedulerWorkerOptions {
  config: Config;
  log: Logger;
  /** Told when the embedded database has died and could not be started again. */
  onDatabaseLost: (error: Error) => void;
}

/** Three passes, and one each for output, heartbeat, health and housekeeping. */
const CONNECTIONS_MAX = 6;
const PING_MS_MAX = 2_000;
const DELIVERY_MS_MAX = 3_000;

/** One worker of the service: schedules and runs jobs of all offices, and tells how it is. */
export class SchedulerWorker {
  readonly #options: SchedulerWorkerOptions;
  readonly #startedAtMs = monotonicMs();
  #schedulingSinceMs: number | null = null;
  #phase: WorkerPhase = "starting";
  /** What has been started, to be ended in reverse order. */
  readonly #endings = new AsyncDisposableStack();
  #starting: Promise<string> | null = null;
  #stopping: Promise<void> | null = null;
  #scheduling: Scheduling | null = null;
  #departing: Departing = "interrupt";
  #ping: Promise<number | null> | null = null;

  constructor(options: SchedulerWorkerOptions) {
    this.#options = options;
  }

  /** Resolves when the worker schedules, with the address of its health. When it fails, nothing is left of it. */
  start(): Promise<string> {
    this.#starting ??= this.#start().catch(async (error: unknown) => {
      await this.#endings.disposeAsync();
      throw error;
    });
    return this.#starting;
  }

  /**
   * Claims nothing more, lets running sessions come to what `departing` says, and ends when all is quiet. May be called
   * again, with another wish, or while it starts.
   */
  stop(departing: Departing): Promise<void> {
    this.#phase = "stopping";
    this.#departing = departing;
    if (this.#stopping !== null) void this.#scheduling?.loop.stop(departing);
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Does not wait any longer for sessions that are being stopped: they are killed. */
  async kill(): Promise<void> {
    await this.#scheduling?.sessions.killAll();
  }

  async #start(): Promise<string> {
    const { config, log } = this.#options;
    const database = await this.#openDatabase();
    const registry = createRegistry();
    const scheduling = this.#createScheduling(database, registry);
    this.#scheduling = scheduling;
    addEventLag(registry, database);
    const report = (): Promise<HealthReport> => this.#report(database, scheduling);
    const health = new HealthServer({ host: config.host, port: config.schedulerPort, report, metrics: registry });
    this.#endings.defer(() => health.stop());
    const url = await health.start();

    // Before the scheduling, so that it ends after it: what a stop makes happen is told as well.
    const delivery = new EventDelivery({ database, log, config });
    this.#endings.defer(() => delivery.stop());
    this.#endings.defer(() => scheduling.stop(this.#departing));
    if (this.#isStopping) return url;
    const delivering = delivery.start();
    // Sessions that a dead worker left wait to be taken over: what is to be told may wait longer.
    await inTime(delivering, DELIVERY_MS_MAX);
    this.#schedulingSinceMs = monotonicMs();
    await scheduling.start();
    await delivering;
    const sessionsDirectory = sessionsDirectoryOf(config.officeHome);
    const housekeeping = new Housekeeping({ database, log, sessionsDirectory, retentionDays: config.retentionDays });
    this.#endings.defer(() => housekeeping.stop());
    housekeeping.start();
    if (!this.#isStopping) this.#phase = "running";
    return url;
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    await this.#endings.disposeAsync();
  }

  /** Asked anew after each step: the worker may be told to stop at any time. */
  get #isStopping(): boolean {
    return this.#phase === "stopping";
  }

  async #openDatabase(): Promise<Database> {
    const { config, log, onDatabaseLost } = this.#options;
    // Where there is an embedded database, it makes the folder: it has more to think of.
    if (config.databaseUrl !== null) makeOfficeHome(config.officeHome);
    const postgres = await acquireDatabase(config, { onLost: onDatabaseLost });
    this.#endings.defer(() => postgres.release());
    await migrate(postgres.url, { schema: config.databaseSchema });
    const database = new Database({
      connectionString: postgres.url,
      schema: config.databaseSchema,
      connectionsMax: CONNECTIONS_MAX,
      onIdleError: (error) => log.debug({ err: error }, "an idle connection broke"),
    });
    this.#endings.defer(() => database.close());
    return database;
  }

  #createScheduling(database: Database, registry: Registry): Scheduling {
    const { config, log } = this.#options;
    const scheduling = new Scheduling({
      database,
      config,
      log,
      taskId: null,
      succession: () => "adopt",
      onProgramStarted: (startMs) => metrics.onProgramStarted(startMs),
    });
    const { sessions, loop } = scheduling;
    const metrics = new WorkerMetrics({
      registry,
      sessions: () => sessions.runtime.running,
      sessionsMax: config.maxSessions,
    });
    loop.onPass = (pass) => metrics.onPass(pass);
    return scheduling;
  }

  async #report(database: Database, { loop, lease, sessions }: Scheduling): Promise<HealthReport> {
    this.#ping ??= pingDatabase(database, PING_MS_MAX).finally(() => {
      this.#ping = null;
    });
    const databaseMs = await this.#ping;
    const { config } = this.#options;
    const since = this.#schedulingSinceMs;
    return reportHealth({
      phase: this.#phase,
      version: manifest.version,
      workerId: lease.workerId,
      uptimeMs: monotonicMs() - this.#startedAtMs,
      schedulingMs: since === null ? null : monotonicMs() - since,
      loop: loop.health,
      tickIntervalMs: config.tickIntervalMs,
      sessions: sessions.runtime.running,
      sessionsMax: config.maxSessions,
      databaseMs,
    });
  }
}

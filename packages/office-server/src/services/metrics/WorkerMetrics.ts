import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { EXECUTION_STATES } from "office-contract/vocabulary.ts";
import type { PassReport } from "../scheduler/reports.ts";

export interface WorkerMetricsOptions {
  registry: Registry;
  /** Sessions that run in this worker. */
  sessions: () => number;
  /** Most of them; null: no limit of the worker's own. */
  sessionsMax: number | null;
}

const CLAIM_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const START_SECONDS = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A worker's figures for Prometheus. */
export class WorkerMetrics {
  readonly #claim: Histogram;
  readonly #start: Histogram;
  readonly #started: Counter;
  readonly #ended: Counter<"state">;
  readonly #retries: Counter;
  readonly #timeouts: Counter;

  constructor({ registry, sessions, sessionsMax }: WorkerMetricsOptions) {
    const registers = [registry];
    this.#claim = new Histogram({
      name: "office_claim_duration_seconds",
      help: "How long scheduling passes that claimed jobs took, with their commit.",
      buckets: CLAIM_SECONDS,
      registers,
    });
    this.#start = new Histogram({
      name: "office_session_start_duration_seconds",
      help: "From the answer to a claim until the session's program was started.",
      buckets: START_SECONDS,
      registers,
    });
    this.#started = new Counter({
      name: "office_executions_started_total",
      help: "Executions that this worker has claimed.",
      registers,
    });
    this.#ended = new Counter({
      name: "office_executions_ended_total",
      help: "Executions whose end this worker has put on record, by how they ended.",
      labelNames: ["state"],
      registers,
    });
    this.#retries = new Counter({
      name: "office_retries_total",
      help: "Executions that failed and are followed by another attempt.",
      registers,
    });
    this.#timeouts = new Counter({
      name: "office_timeouts_total",
      help: "Executions that ran past their timeout.",
      registers,
    });
    for (const state of EXECUTION_STATES) if (state !== "running") this.#ended.inc({ state }, 0);
    gauge("office_sessions_running", "Sessions that run in this worker.", registry, sessions);
    if (sessionsMax !== null) {
      gauge("office_sessions_max", "Most sessions that this worker runs at a time.", registry, () => sessionsMax);
    }
  }

  /** A scheduling pass has been committed. */
  onPass({ durationMs, claimed, settled }: PassReport): void {
    if (claimed > 0) this.#claim.observe(durationMs / 1_000);
    this.#started.inc(claimed);
    for (const { exit } of settled) {
      this.#ended.inc({ state: exit.executionState });
      if (exit.executionState === "timeout") this.#timeouts.inc();
      if (exit.way === "retrying") this.#retries.inc();
    }
  }

  /** A session's program has been started. */
  onProgramStarted(startMs: number): void {
    this.#start.observe(startMs / 1_000);
  }
}

function gauge(name: string, help: string, registry: Registry, read: () => number): void {
  const created: Gauge = new Gauge({ name, help, registers: [registry], collect: () => created.set(read()) });
}

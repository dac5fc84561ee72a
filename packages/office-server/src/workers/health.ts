import type { LoopHealth } from "../services/scheduler/reports.ts";

export type WorkerPhase = "starting" | "running" | "stopping";

/** What a worker knows of itself. */
export interface WorkerFacts {
  phase: WorkerPhase;
  version: string;
  workerId: string;
  uptimeMs: number;
  /** Since scheduling began; null before. */
  schedulingMs: number | null;
  loop: LoopHealth;
  tickIntervalMs: number;
  /** Sessions that run. */
  sessions: number;
  /** Most of them; null: no limit of the worker's own. */
  sessionsMax: number | null;
  /** How long the database took to answer; null: it did not in time. */
  databaseMs: number | null;
}

/** What GET /health of a worker answers. */
export interface HealthReport {
  status: "ok" | "starting" | "stopping" | "failing";
  /** What is wrong; only where something is. */
  reason?: string;
  version: string;
  worker_id: string;
  uptime_ms: number;
  /** Since the last look for work that succeeded; null before the first. */
  last_tick_ms: number | null;
  database: { ok: boolean; latency_ms: number | null };
  sessions: number;
  /** Scheduling passes that are under way. */
  passes: number;
  /** Most sessions at a time; null: no limit of the worker's own. */
  capacity: number | null;
}

const TICKS_MISSED_MAX = 3;
const TICK_MARGIN_MS = 10_000;
const PASS_MS_MAX = 30_000;

/** Judges a worker by its facts. */
export function reportHealth(facts: WorkerFacts): HealthReport {
  const { phase, loop, databaseMs } = facts;
  const reason = problemOf(facts);
  return {
    status: reason !== null ? "failing" : phase === "running" ? "ok" : phase,
    ...(reason !== null && { reason }),
    version: facts.version,
    worker_id: facts.workerId,
    uptime_ms: Math.round(facts.uptimeMs),
    last_tick_ms: rounded(loop.lastTickMs),
    database: { ok: databaseMs !== null, latency_ms: rounded(databaseMs) },
    sessions: facts.sessions,
    passes: loop.passes,
    capacity: facts.sessionsMax,
  };
}

/** What is wrong, in words; null when all is well. */
function problemOf({ phase, loop, tickIntervalMs, schedulingMs, databaseMs }: WorkerFacts): string | null {
  if (databaseMs === null) return "the database does not answer";
  const { oldestPassMs, lastTickMs } = loop;
  if (oldestPassMs !== null && oldestPassMs > PASS_MS_MAX) {
    return `a scheduling pass has been running for ${seconds(oldestPassMs)}`;
  }
  if (phase !== "running" || tickIntervalMs === 0) return null;
  const silenceMs = lastTickMs ?? schedulingMs ?? 0;
  if (silenceMs <= TICKS_MISSED_MAX * tickIntervalMs + TICK_MARGIN_MS) return null;
  return `the last look for work that succeeded was ${seconds(silenceMs)} ago`;
}

const seconds = (durationMs: number): string => `${Math.round(durationMs / 1_000)} s`;

const rounded = (durationMs: number | null): number | null => (durationMs === null ? null : Math.round(durationMs));

import { collectDefaultMetrics, Registry } from "prom-client";

const EVENT_LOOP_PRECISION_MS = 20;

/** Where a process keeps its figures for Prometheus: those of Node (memory, processor, loop lag) are in it. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  return registry;
}

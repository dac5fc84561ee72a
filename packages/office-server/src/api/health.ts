import { Router } from "express";
import type { Registry } from "prom-client";
import manifest from "../../package.json" with { type: "json" };
import type { Database } from "../db/connection.ts";
import { pingDatabase } from "../db/ping.ts";
import { monotonicMs } from "../platform/clock.ts";

const DATABASE_MS_MAX = 2_000;

/** `/health`: this process lives. `/ready`: it can do its work. `/metrics`: how it does it. They need no key. */
export function healthRouter(database: Database, register: Registry): Router {
  const startedAtMs = monotonicMs();
  const router = Router();
  router.get("/health", (_request, response) => {
    response.json({ status: "ok", version: manifest.version, uptime_ms: Math.round(monotonicMs() - startedAtMs) });
  });
  router.get("/ready", async (_request, response) => {
    const ready = (await pingDatabase(database, DATABASE_MS_MAX)) !== null;
    response.status(ready ? 200 : 503).json({ status: ready ? "ok" : "the database cannot be reached" });
  });
  router.get("/metrics", async (_request, response) => {
    response.type(register.contentType).send(await register.metrics());
  });
  return router;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Database, type QueryOptions } from "office-server/db/connection.ts";
import type { World } from "../../../../test/support/scheduler.ts";
import { sql } from "../../../../test/support/scheduler.ts";
import {
  aFollowerReadsALongLog,
  aSlotIsFreeTooSoon,
  dependenciesOfTwo,
  type Scenario,
  staleReportAfterALoss,
  twoClaimAtOnce,
  waitForARetry,
} from "./scenarios.ts";

const TRANSITIONS = join(import.meta.dirname, "../../src/db/transitions");

/** One way to get it wrong, and what notices that. */
export interface Mutant {
  name: string;
  scenario: Scenario;
  /** Makes the mistake, in this world alone. */
  apply: (world: World) => Promise<World>;
}

/** Replaces pieces of a transition's text, which must be there. */
async function rewrite(
  world: World,
  name: string,
  pieces: readonly (readonly [from: string, to: string])[],
): Promise<void> {
  let text = readFileSync(join(TRANSITIONS, `${name}.sql`), "utf8");
  for (const [from, to] of pieces) {
    if (!text.includes(from)) throw new Error(`${name}.sql has no "${from}": the mutant has to be brought up to date`);
    text = text.replaceAll(from, to);
  }
  await sql(world, text);
}

/** The schema refuses what is over the limits, whatever the code believes: so that the mistake itself can be seen. */
const withoutGuard = (world: World) => sql(world, "DROP TRIGGER job_executions_limit ON job_executions");

/** A database whose answers about the log are in no good order. */
class UnorderedDatabase extends Database {
  override query<Row extends Record<string, unknown>>(
    name: string,
    text: string,
    values: unknown[] = [],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    if (name !== "events_after") return super.query<Row>(name, text, values, options);
    if (!text.includes("ORDER BY seq"))
      throw new Error("events_after has no order: the mutant has to be brought up to date");
    return super.query<Row>(name, text.replace("ORDER BY seq", "ORDER BY job_id"), values, options);
  }
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "count and lock in one statement",
    scenario: twoClaimAtOnce,
    apply: async (world) => {
      await withoutGuard(world);
      await rewrite(world, "lock_offices", [
        [
          "PERFORM 1 FROM offices o WHERE o.id = p_offices[1] FOR NO KEY UPDATE;",
          `PERFORM set_config('office.counted', (SELECT count(*) FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL)::text, true)
           FROM offices o WHERE o.id = p_offices[1] FOR NO KEY UPDATE;`,
        ],
      ]);
      await rewrite(world, "claim_jobs", [
        [
          "(SELECT count(*) FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL)",
          "current_setting('office.counted')::integer",
        ],
      ]);
      return world;
    },
  },
  {
    name: "count without lock",
    scenario: twoClaimAtOnce,
    apply: async (world) => {
      await withoutGuard(world);
      // Another guard: without it events might even get the same number.
      await sql(world, "ALTER TABLE job_events DROP CONSTRAINT job_events_pkey");
      await rewrite(world, "lock_offices", [[" FOR NO KEY UPDATE", ""]]);
      return world;
    },
  },
  {
    name: "event cursor by id, without the log's order",
    scenario: aFollowerReadsALongLog,
    apply: async (world) => {
      const { url: connectionString, schema } = world;
      const database = new UnorderedDatabase({ connectionString, schema, connectionsMax: 1 });
      return { ...world, database };
    },
  },
  {
    name: "no fencing on completion",
    scenario: staleReportAfterALoss,
    apply: async (world) => {
      await rewrite(world, "settle_executions", [
        [
          "WHERE e.id = ANY (p_executions)\n      AND e.fencing_token = (p_settlements -> e.job_id::text ->> 'fencing_token')::bigint",
          "WHERE e.job_id IN (SELECT x.job_id FROM job_executions x WHERE x.id = ANY (p_executions))",
        ],
      ]);
      return world;
    },
  },
  {
    name: "a process's clock instead of the database's",
    scenario: waitForARetry,
    apply: async (world) => {
      await rewrite(world, "scheduler_now", [
        [
          "SELECT clock_timestamp()",
          "SELECT clock_timestamp() + CASE current_setting('application_name') WHEN 'ahead' THEN interval '2 hours' ELSE '0' END",
        ],
      ]);
      return world;
    },
  },
  {
    name: "a dependency that is not checked",
    scenario: dependenciesOfTwo,
    apply: async (world) => {
      await rewrite(world, "unlock_dependents", [
        ["AND j.unmet_count = (v_met ->> j.id::text)::integer", "AND j.unmet_count >= (v_met ->> j.id::text)::integer"],
      ]);
      return world;
    },
  },
  {
    name: "a dependency that is not checked where the slot goes on to the next job",
    scenario: aSlotIsFreeTooSoon,
    apply: async (world) => {
      await rewrite(world, "hand_on", [
        ["AND j.unmet_count = 1", "AND j.unmet_count >= 1"],
        [" AND j.unmet_count = cardinality(v_found.dependents)", ""],
      ]);
      await sql(world, "DROP TRIGGER job_queue_state ON job_queue");
      return world;
    },
  },
];

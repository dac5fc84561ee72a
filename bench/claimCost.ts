import type { Database } from "office-server/db/connection.ts";
import { type PassResult, runPass, type Settlement } from "office-server/db/transitions/runPass.ts";
import { completed } from "office-server/domain/lifecycle.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { addReadyJobs } from "./backlog.ts";
import { atMost, type Figure, median } from "./figures.ts";
import { type BenchServer, createOffice } from "./world.ts";

const SHORT = 1_000;
const LONG = 1_000_000;
const PASSES = 300;
const WARM_UP = 20;

/** What a pass that ends three executions and claims three more costs, by the length of the office's backlog. */
export async function claimCost(server: BenchServer): Promise<Figure[]> {
  const database = await server.createDatabase();
  const short = new Backlog(database, await createOffice(database, "short", {}));
  const long = new Backlog(database, await createOffice(database, "long", {}));
  await addReadyJobs(database, short.officeId, SHORT);
  await addReadyJobs(database, long.officeId, LONG);
  // In turn, so that a busy moment of the machine hits both.
  for (let pass = 0; pass < PASSES; pass++) {
    await short.pass();
    await long.pass();
  }
  await database.close();
  const [shortMs, longMs] = [short.costMs, long.costMs];
  return [
    { name: `claim, ${SHORT.toLocaleString("en")} waiting jobs`, value: `${shortMs.toFixed(2)} ms` },
    {
      name: `claim, ${LONG.toLocaleString("en")} waiting jobs`,
      value: `${longMs.toFixed(2)} ms (${(longMs / shortMs).toFixed(2)}x)`,
      target: atMost(longMs / shortMs, 1.2, "1.2x"),
    },
  ];
}

class Backlog {
  readonly officeId: string;
  readonly #database: Database;
  readonly #timesMs: number[] = [];
  #settlements: Settlement[] = [];

  constructor(database: Database, officeId: string) {
    this.#database = database;
    this.officeId = officeId;
  }

  async pass(): Promise<void> {
    const { officeId } = this;
    const startMs = monotonicMs();
    const request = {
      officeIds: [officeId],
      settlements: this.#settlements,
      workerId: "bench",
      claimsMax: null,
      taskId: null,
    };
    const { claimed }: PassResult = await runPass(this.#database, request);
    this.#timesMs.push(monotonicMs() - startMs);
    if (claimed.length === 0) throw new Error("nothing was claimed");
    this.#settlements = claimed.map(({ execution_id, fencing_token, job_id }) => ({
      jobId: job_id,
      executionId: execution_id,
      fencingToken: fencing_token,
      officeId,
      exit: completed(null),
      details: {},
    }));
  }

  get costMs(): number {
    return median(this.#timesMs.slice(WARM_UP));
  }
}

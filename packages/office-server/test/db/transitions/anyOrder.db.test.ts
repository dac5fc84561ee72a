import fc from "fast-check";
import { newlyInvalid } from "office-server/domain/intake.ts";
import { countJobs } from "office-server/db/transitions/countJobs.ts";
import { handOverJob, setPriority } from "office-server/db/transitions/jobControls.ts";
import { admitForeignJobs } from "office-server/db/transitions/admitJobs.ts";
import type { ClaimedJob } from "office-server/db/transitions/runPass.ts";
import { completed, type Exit, failed, interrupted, retrying, timedOut } from "office-server/domain/lifecycle.ts";
import { newJobId } from "office-server/platform/ids.ts";
import { expect, test } from "vitest";
import { setupFile, sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { settlementOf, type TestOffice } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

const LIMITS = { office: 3, byRole: { BE: 2 } };
const failure = { errorClass: "EXIT_CODE", errorMessage: "no luck", exitCode: 1 } as const;
const EXITS: readonly Exit[] = [
  completed(null),
  completed(null),
  completed(null),
  failed(failure),
  timedOut({ ...failure, errorClass: "TIMEOUT" }),
  retrying(failure, 0),
  retrying(failure, 3_600_000),
  interrupted(),
];

/** What happens to an office. Numbers pick from what is there, whatever that is by then. */
type Step =
  | { do: "submit"; jobs: { role: string; dependsOn: number[] }[] }
  | { do: "insert"; dependsOn: number[]; status: string }
  | { do: "pass"; ends: { which: number; exit: Exit }[] }
  | { do: "cancel" | "retry" | "retry alone" | "prioritise" | "hand over" | "requeue" | "delete"; which: number }
  | { do: "count" }
  | { do: "shift"; hours: number };

const pick = fc.nat({ max: 99 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      jobs: fc.array(fc.record({ role: fc.constantFrom("BE", "FE"), dependsOn: fc.array(pick, { maxLength: 3 }) }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      dependsOn: fc.array(pick, { maxLength: 3 }),
      status: fc.constantFrom("pending", "ready", "pending", "done", "failed"),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ends: fc.array(fc.record({ which: pick, exit: fc.constantFrom(...EXITS) }), { maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("cancel" as const, "retry" as const, "retry alone" as const),
      which: pick,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("prioritise" as const, "hand over" as const, "requeue" as const, "delete" as const),
      which: pick,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "count" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("shift" as const), hours: fc.integer({ min: 1, max: 3 }) }) },
);

/** An office to which anything may happen, in any order. */
class Subject {
  readonly #office: TestOffice;
  readonly #keys: string[] = [];
  #live: ClaimedJob[] = [];
  #hours = 0;
  #made = 0;

  constructor(office: TestOffice) {
    this.#office = office;
  }

  async carryOut(step: Step): Promise<void> {
    const office = this.#office;
    if (step.do === "submit") await this.#submit(step.jobs);
    else if (step.do === "insert") await this.#insert(this.#pickAll(step.dependsOn), step.status);
    else if (step.do === "pass") await this.#pass(step.ends);
    else if (step.do === "shift") await this.#shift(step.hours);
    else if (step.do === "count") await countJobs(office.database, office.id);
    else for (const key of this.#pickAll([step.which])) await this.#control(step.do, key, step.which);
  }

  async #control(what: Extract<Step, { which: number }>["do"], key: string, number: number): Promise<void> {
    const { database, id: officeId } = this.#office;
    const id = this.#office.idOf(key);
    const role = number % 2 === 0 ? "BE" : "FE";
    if (what === "cancel") await this.#office.cancel(key);
    else if (what === "prioritise") await setPriority(database, officeId, id, number);
    else if (what === "delete") await this.#delete(key, id);
    else if (what === "hand over" || what === "requeue") {
      await handOverJob(database, officeId, id, { role, agentId: undefined, requeue: what === "requeue" });
    } else await this.#office.retry([key], { downstream: what === "retry" });
  }

  /** Only what nothing depends on: of the rest, the check of dependencies could not tell any more whether they were done. */
  async #delete(key: string, id: string): Promise<void> {
    const deleted = await sql(
      this.#office,
      `DELETE FROM job_queue j WHERE j.id = $1 AND j.status IN ('done', 'failed', 'timeout', 'cancelled')
         AND NOT EXISTS (SELECT 1 FROM job_dependencies d WHERE d.depends_on_id = j.id)
         AND NOT EXISTS (SELECT 1 FROM job_executions e WHERE e.job_id = j.id AND e.ended_at IS NULL) RETURNING 1`,
      [id],
    );
    if (deleted.length > 0) this.#keys.splice(this.#keys.indexOf(key), 1);
  }

  async #submit(jobs: readonly { role: string; dependsOn: number[] }[]): Promise<void> {
    const specs = new Map<string, { role: string; depends_on: string[] }>();
    for (const { role, dependsOn } of jobs) {
      const key = `k${this.#made++}`;
      specs.set(key, { role, depends_on: this.#pickAll(dependsOn) });
      this.#keys.push(key);
    }
    await this.#office.submit(Object.fromEntries(specs));
  }

  /** As another program does it. */
  async #insert(dependsOn: readonly string[], status: string): Promise<void> {
    const [id, key] = [newJobId(), `k${this.#made++}`];
    this.#keys.push(key);
    this.#office.adopt(key, id);
    await sql(
      this.#office,
      "INSERT INTO job_queue (id, office_id, title, key, depends_on, status) VALUES ($1, $2, 'Foreign', $3, $4, $5)",
      [id, this.#office.id, key, dependsOn.map((dependency) => this.#office.idOf(dependency)), status],
    );
    await admitForeignJobs(this.#office.database, this.#office.id, newlyInvalid);
  }

  async #pass(ends: readonly { which: number; exit: Exit }[]): Promise<void> {
    const settlements = ends.flatMap(({ which, exit }) => {
      const [job] = this.#live.splice(which % Math.max(this.#live.length, 1), 1);
      return job === undefined ? [] : [settlementOf(job, exit)];
    });
    this.#live.push(...(await this.#office.pass({ settlements })).claimed);
  }

  async #shift(hours: number): Promise<void> {
    this.#hours += hours;
    await sql(this.#office, "SELECT set_config('office.clock_offset', $1, false)", [`${this.#hours} hours`]);
  }

  #pickAll(which: readonly number[]): string[] {
    const keys = which.flatMap((number) => this.#keys[number % Math.max(this.#keys.length, 1)] ?? []);
    return [...new Set(keys)];
  }
}

test("whatever happens in whatever order, the log and the rows stay sound", async () => {
  const database = world().connect(1);
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 30 }), async (steps) => {
      const config = { maxConcurrentJobs: LIMITS.office, maxConcurrentByRole: LIMITS.byRole };
      const office = await world().createOffice(config, database);
      await sql(office, "SELECT set_config('office.clock_offset', '', false)");
      const subject = new Subject(office);
      for (const each of steps) await subject.carryOut(each);
      await expect(problemsOf(office, LIMITS)).resolves.toEqual([]);
    }),
    { numRuns: 60 },
  );
});

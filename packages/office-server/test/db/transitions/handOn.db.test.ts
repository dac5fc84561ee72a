import fc from "fast-check";
import { setPriority } from "office-server/db/transitions/jobControls.ts";
import { type ClaimedJob, type PassRequest, type PassResult, runPass } from "office-server/db/transitions/runPass.ts";
import { completed, type Exit, failed, retrying } from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";
import { setupFile, sql, waitingForLock } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { settlementOf, type TestOffice } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

/** Changes nothing but which way a pass goes: hand_on leaves an office that limits a role to the steps. */
const STEP_BY_STEP = { maxConcurrentByRole: { nobody: 1 } };
const failure = { errorClass: "EXIT_CODE", errorMessage: "no luck", exitCode: 1 } as const;
const EXITS: readonly Exit[] = [
  ...Array.from({ length: 6 }, () => completed({ text: "ok" })),
  failed(failure),
  retrying(failure, 0),
];

type Step =
  | { do: "submit"; jobs: { role: string; priority: number; dependsOn: number[] }[] }
  | { do: "pass"; ends: { which: number; exit: Exit }[]; claimsMax: number | null; ofLastTask: boolean }
  | { do: "cancel" | "retry" | "prioritise"; which: number }
  | { do: "pause" }
  | { do: "resume" };

const pick = fc.nat({ max: 99 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      jobs: fc.array(
        fc.record({
          role: fc.constantFrom("BE", "FE"),
          priority: fc.integer({ min: 0, max: 2 }),
          dependsOn: fc.array(pick, { maxLength: 2 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ends: fc.array(fc.record({ which: pick, exit: fc.constantFrom(...EXITS) }), { minLength: 1, maxLength: 1 }),
      claimsMax: fc.constantFrom(null, null, null, 0, 1, 2),
      ofLastTask: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("cancel" as const, "retry" as const, "prioritise" as const),
      which: pick,
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ do: "pause" as const }, { do: "resume" as const }) },
);

/** An office, and what is said of it without ids and times: so that two can be compared. */
class Subject {
  readonly #office: TestOffice;
  readonly #keys: string[] = [];
  #live: ClaimedJob[] = [];
  #lastTask: string | null = null;

  constructor(office: TestOffice) {
    this.#office = office;
  }

  async carryOut(step: Step): Promise<unknown> {
    const { database, id: officeId } = this.#office;
    if (step.do === "submit") return this.#submit(step.jobs);
    if (step.do === "pass") return this.#pass(step);
    if (step.do === "pause" || step.do === "resume") {
      const status = step.do === "pause" ? "paused" : "active";
      return sql(this.#office, "UPDATE offices SET status = $2 WHERE id = $1", [officeId, status]);
    }
    const [key] = this.#pickAll([step.which]);
    if (key === undefined) return null;
    if (step.do === "cancel") await this.#office.cancel(key);
    else if (step.do === "retry") await this.#office.retry([key]);
    else await setPriority(database, officeId, this.#office.idOf(key), step.which % 3);
    return null;
  }

  async state(): Promise<unknown> {
    const office = this.#office;
    const [jobs, executions, events] = [await office.jobs(), await office.executions(), await office.events()];
    const keys = new Map(jobs.map(({ id, key }) => [id, key]));
    return {
      jobs: jobs.map(({ key, status, attempt, unmet_count: unmet, retry_count: retries, result, ...row }) => ({
        key,
        status,
        attempt,
        unmet,
        retries,
        result,
        error: row.error_class,
        message: row.error_message,
        ready: row.ready_at !== null,
        started: row.started_at !== null,
        completed: row.completed_at !== null,
        waits: row.run_at !== null,
      })),
      // In no order: jobs that start together get their tokens as their rows come.
      executions: executions
        .map(
          ({ job_id: job, attempt, status, worker_id: worker, exit_code: exit, ended_at: endedAt }) =>
            `${keys.get(job)} ${attempt} ${status} ${worker} ${exit} ${endedAt !== null}`,
        )
        .toSorted(),
      events: events.map(({ seq, type, job_key: key, role, attempt, execution_id: execution, details }) => ({
        seq,
        type,
        key,
        role,
        attempt,
        execution: execution !== null,
        details: Object.keys(details),
        timeout: details["timeout_ms"],
      })),
    };
  }

  async #submit(jobs: Extract<Step, { do: "submit" }>["jobs"]): Promise<void> {
    const specs = jobs.map(({ dependsOn, ...job }) => {
      const spec = [`k${this.#keys.length}`, { ...job, depends_on: this.#pickAll(dependsOn) }] as const;
      this.#keys.push(spec[0]);
      return spec;
    });
    this.#lastTask = await this.#office.submit(Object.fromEntries(specs));
  }

  async #pass({ ends, claimsMax, ofLastTask }: Extract<Step, { do: "pass" }>): Promise<unknown> {
    const settlements = ends.flatMap(({ which, exit }) => {
      const [job] = this.#live.splice(which % Math.max(this.#live.length, 1), 1);
      return job === undefined ? [] : [settlementOf(job, exit, { said: "so" })];
    });
    const taskId = ofLastTask ? this.#lastTask : null;
    const pass = await this.#office.pass({ settlements, claimsMax, taskId });
    this.#live.push(...pass.claimed);
    return summaryOf(pass, this.#office.id);
  }

  #pickAll(which: readonly number[]): string[] {
    const keys = which.flatMap((number) => this.#keys[number % Math.max(this.#keys.length, 1)] ?? []);
    return [...new Set(keys)];
  }
}

const summaryOf = ({ settled, activated, claimed, configs }: PassResult, officeId: string) => ({
  settled: settled.length,
  activated,
  isConfigured: Object.keys(configs).map((id) => id === officeId),
  claimed: claimed.map(({ execution_id, fencing_token, office_id, job_id, task_id, ...job }) => ({
    ...job,
    idsAreTexts: [execution_id, fencing_token, job_id, task_id].every((id) => typeof id === "string"),
    isOfThisOffice: office_id === officeId,
  })),
});

test("a slot that is handed on comes to the same as the steps", async () => {
  const limits = fc.integer({ min: 1, max: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 30 }), limits, async (steps, maxConcurrentJobs) => {
      const offices = [
        await world().createOffice({ maxConcurrentJobs }),
        await world().createOffice({ maxConcurrentJobs, ...STEP_BY_STEP }),
      ] as const;
      const [one, other] = [new Subject(offices[0]), new Subject(offices[1])];
      for (const step of steps) expect(await one.carryOut(step)).toEqual(await other.carryOut(step));
      expect(await one.state()).toEqual(await other.state());
      for (const office of offices)
        await expect(problemsOf(office, { office: maxConcurrentJobs })).resolves.toEqual([]);
    }),
    { numRuns: 60 },
  );
});

const endOf = (office: TestOffice, job: ClaimedJob): PassRequest => {
  const settlements = [settlementOf(job, completed(null))];
  return { officeIds: [office.id], settlements, workerId: "worker", claimsMax: null, taskId: null };
};

/** A pass that comes while another program has made a change, and waits for its commit. */
async function passDuring(request: PassRequest, change: string, values: unknown[]): Promise<PassResult> {
  const [own, foreign] = [world().connect(1), world().connect(1)];
  let pass: Promise<PassResult> | null = null;
  await foreign.transaction(async (transaction) => {
    await transaction.query("", change, values);
    pass = runPass(own, request);
    pass.catch(() => {});
    await waitingForLock(world());
  });
  if (pass === null) throw new Error("there was no pass");
  return pass;
}

describe("the slot goes on", () => {
  test("to the one job that waited for it", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"], timeout_ms: 5, description: "all of it", max_retries: 7 } });
    const a = await office.claimOne();
    const { settled, activated, claimed, configs } = await office.pass({
      settlements: [settlementOf(a, completed(1))],
    });
    expect([settled, activated, Object.keys(configs)]).toEqual([[a.execution_id], 1, [office.id]]);
    expect(claimed).toMatchObject([
      {
        key: "b",
        attempt: 1,
        timeout_ms: 5,
        description: "all of it",
        max_retries: 7,
        role: "BE",
        session: { run: "true" },
      },
    ]);
    await expect(office.story(4)).resolves.toEqual(["job_completed a", "job_ready b", "job_started b"]);
    await expect(office.job("a")).resolves.toMatchObject({ status: "done", result: 1 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("in one step, unless the office limits a role: then the job is written as ready first", async () => {
    await sql(world(), "CREATE TABLE seen (office_id uuid, status text, n serial)");
    await sql(
      world(),
      `CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
       BEGIN INSERT INTO seen VALUES (NEW.office_id, NEW.status); RETURN NULL; END $$`,
    );
    await sql(
      world(),
      "CREATE TRIGGER see AFTER UPDATE ON job_queue FOR EACH ROW WHEN (NEW.key = 'b') EXECUTE FUNCTION see()",
    );
    const writes = async (config: object): Promise<unknown> => {
      const office = await world().createOffice(config);
      await office.submit({ a: {}, b: { depends_on: ["a"] } });
      await office.pass({ settlements: [settlementOf(await office.claimOne(), completed(null))] });
      const text = "SELECT array_agg(status ORDER BY n) AS states FROM seen WHERE office_id = $1";
      return (await sql(world(), text, [office.id]))[0]?.["states"];
    };
    expect(await writes({})).toEqual(["processing"]);
    expect(await writes(STEP_BY_STEP)).toEqual(["ready", "processing"]);
    await sql(world(), "DROP TRIGGER see ON job_queue");
  });

  test("to the next of the ready", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: {}, b: { priority: 1 }, c: {} });
    const a = await office.claimOne();
    const { activated, claimed } = await office.pass({ settlements: [settlementOf(a, completed(null))] });
    expect([activated, claimed.map(({ key }) => key)]).toEqual([0, ["c"]]);
    await expect(office.job("c")).resolves.toMatchObject({ status: "processing", ready_at: null });
    await expect(problemsOf(office, { office: 1 })).resolves.toEqual([]);
  });

  test.each([
    ["is cancelled", "status = 'cancelled', cancelled_at = now()", { a: "done", b: "cancelled" }],
    ["is moved to another office", "office_id = $2", { a: "done" }],
    ["is to wait for a time", "run_at = now() + interval '1 hour'", { a: "done", b: "pending" }],
    ["is to be taken in anew", "admitted = false", { a: "done", b: "pending" }],
  ])(
    "not while another program changes the job, which %s: nothing is lost, and the next pass sees to it",
    async (...row) => {
      const [, change, states] = row;
      const office = await world().createOffice();
      const other = await world().createOffice();
      await office.submit({ a: {}, b: { depends_on: ["a"] } });
      const a = await office.claimOne();
      const passing = endOf(office, a);
      const values = change.includes("$2") ? [office.idOf("b"), other.id] : [office.idOf("b")];
      const pass = passDuring(passing, `UPDATE job_queue SET ${change} WHERE id = $1`, values);
      await expect(pass).rejects.toThrow("just changed by another program");
      await expect(office.job("a")).resolves.toMatchObject({ status: "processing" });
      await expect(office.pass(passing)).resolves.toMatchObject({ settled: [a.execution_id], claimed: [] });
      await expect(office.states()).resolves.toEqual(states);
    },
  );

  test("not where another program changes the execution: its job is not done", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const a = await office.claimOne();
    const passing = endOf(office, a);
    const change = "UPDATE job_executions SET fencing_token = fencing_token + 1 WHERE id = $1";
    await expect(passDuring(passing, change, [a.execution_id])).rejects.toThrow("just changed by another program");
    await expect(office.pass(passing)).resolves.toMatchObject({ settled: [], claimed: [] });
    await expect(office.states()).resolves.toEqual({ a: "processing", b: "pending" });
  });
});

import fc from "fast-check";
import { ApiError, type RequestOf, type ResponseOf } from "office-contract/api/client.ts";
import type { JobSchedulerConfigPatch } from "office-contract/config.ts";
import { describe, expect, test } from "vitest";
import { setupApi, setupFileApi } from "../../../../../test/support/api.ts";
import { sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import type { JobSpec, TestOffice } from "../../../../../test/support/testOffice.ts";
import { readOutput } from "../../../src/db/output.ts";
import { newId } from "../../../src/platform/ids.ts";
import { issueExecutionToken } from "../../../src/services/executions/tokens.ts";

const api = setupFileApi();

const EXTERNAL: JobSpec = { session: { runtime: "external", lease_ms: 60_000, cwd: "/", env: {} } };

type Completion = RequestOf<"completeExecution">["body"];

/** A job that runs elsewhere, and who runs it. */
async function createExternal(config: JobSchedulerConfigPatch = {}) {
  const office = await api().createOffice({ maxConcurrentJobs: 1, ...config });
  await office.submit({ a: EXTERNAL, b: { ...EXTERNAL, depends_on: ["a"] } });
  return { office, ...(await claimExternal(office)) };
}

async function claimExternal(office: TestOffice) {
  const claimed = await office.claimOne();
  const { execution_id: executionId } = claimed;
  const token = await issueExecutionToken(api().database, executionId);
  const client = api().clientOf(token);
  return {
    claimed,
    executionId,
    token,
    complete: (body: Completion): Promise<ResponseOf<"completeExecution">> =>
      client.call("completeExecution", { params: { executionId }, body }),
    beat: (output?: string): Promise<ResponseOf<"heartbeatExecution">> =>
      client.call("heartbeatExecution", { params: { executionId }, body: output === undefined ? {} : { output } }),
  };
}

const outputOf = async (executionId: string): Promise<string> => {
  const pieces = await readOutput(api().database, executionId, { from: 0, limit: 1_000 });
  return Buffer.concat(pieces.map(({ data }) => data)).toString();
};

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "it was done",
    (error: unknown) => {
      if (error instanceof ApiError) return error.problem.code;
      throw error;
    },
  );

const isOver = { problem: { code: "execution_is_over", status: 409 } };

/** Everything that is known of an office. */
const everything = async (office: TestOffice): Promise<string> =>
  JSON.stringify([await office.jobs(), await office.executions(), await office.events()]);

describe("the end", () => {
  test("a success is on record with its result, and what waits for it may run", async () => {
    const { office, executionId, complete } = await createExternal();
    const answer = await complete({ success: true, result: { pull_request: 7 }, output: "all is well\n" });
    expect(answer).toEqual({ execution_id: executionId, job_id: office.idOf("a"), status: "done" });
    await expect(office.job("a")).resolves.toMatchObject({ status: "done", result: { pull_request: 7 } });
    await expect(office.states()).resolves.toEqual({ a: "done", b: "ready" });
    await expect(office.executions()).resolves.toMatchObject([
      { status: "completed", ended_at: expect.any(Date) as Date },
    ]);
    await expect(outputOf(executionId)).resolves.toBe("all is well\n");
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("a failure counts by its class: one that may pass is tried again", async () => {
    const { office, complete } = await createExternal({ retryBaseDelay: 60_000 });
    await expect(
      complete({ success: false, error: { class: "RATE_LIMITED", message: "too many tokens" } }),
    ).resolves.toMatchObject({ status: "pending" });
    const retrying = (await office.events()).find(({ type }) => type === "job_retrying");
    expect(retrying?.details).toMatchObject({ error_class: "RATE_LIMITED", message: "too many tokens" });
    await expect(office.job("a")).resolves.toMatchObject({ retry_count: 1 });
  });

  test("a failure that will not pass is one at once, and takes along what waits for it", async () => {
    const { office, complete } = await createExternal();
    await expect(
      complete({ success: false, error: { class: "GIT_CONFLICT", message: "in main.ts" } }),
    ).resolves.toMatchObject({ status: "failed" });
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "cancelled" });
    await expect(office.job("a")).resolves.toMatchObject({ error_class: "GIT_CONFLICT", error_message: "in main.ts" });
  });

  test("a failure without a reason is a crash", async () => {
    const { office, complete } = await createExternal({ maxRetries: 0 });
    await expect(complete({ success: false })).resolves.toMatchObject({ status: "failed" });
    await expect(office.job("a")).resolves.toMatchObject({ error_class: "SESSION_CRASH" });
  });

  test("what was asked for first is what it was: a session that was to stop was stopped", async () => {
    const { office, complete } = await createExternal();
    await office.cancel("a");
    await expect(complete({ success: true, result: "too late" })).resolves.toMatchObject({ status: "cancelled" });
    await expect(office.executions()).resolves.toMatchObject([{ status: "cancelled", stop_cause: "cancelled" }]);
    await expect(office.job("a")).resolves.toMatchObject({ status: "cancelled", result: null });
  });

  test("one past its deadline has timed out, whatever it says", async () => {
    const { office, complete, executionId } = await createExternal({ maxRetries: 0 });
    await sql(api(), "UPDATE job_executions SET stop_cause = 'timeout' WHERE id = $1", [executionId]);
    await expect(complete({ success: true })).resolves.toMatchObject({ status: "timeout" });
    await expect(office.states()).resolves.toEqual({ a: "timeout", b: "cancelled" });
  });

  test("of a job that was handed over lets it run anew, for nothing", async () => {
    const { office, complete } = await createExternal();
    const params = { officeId: office.id, jobId: office.idOf("a") };
    await api().client.call("setAssignee", { params, body: { role: "QA", requeue: true } });
    await expect(complete({ success: false })).resolves.toMatchObject({ status: "ready" });
    await expect(office.claimOne()).resolves.toMatchObject({ key: "a", role: "QA", attempt: 2 });
    await expect(office.job("a")).resolves.toMatchObject({ retry_count: 0 });
  });

  test("workers elsewhere hear that a slot is free", async () => {
    const world = await setupApi();
    const office = await world.createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: EXTERNAL, b: {} });
    const started = world.whenEvent(office, ({ type }) => type === "job_started");
    const { runtime } = await world.startWorker();
    const { execution_id: executionId } = await started;
    const params = { executionId: executionId ?? "" };
    const { execution_token: token } = await world.client.call("createExecutionToken", { params });
    await world.clientOf(token).call("completeExecution", { params, body: { success: true } });
    await runtime.started("b");
    await expect(office.states()).resolves.toEqual({ a: "done", b: "processing" });
  });
});

describe("what comes late changes nothing", () => {
  test("the same completion once more", async () => {
    const { office, executionId, complete, beat } = await createExternal();
    await complete({ success: true, output: "once" });
    const before = await everything(office);
    await expect(complete({ success: true, output: "once" })).rejects.toMatchObject(isOver);
    await expect(complete({ success: false, output: "or not" })).rejects.toMatchObject(isOver);
    await expect(beat("still there")).rejects.toMatchObject(isOver);
    await expect(everything(office)).resolves.toBe(before);
    await expect(outputOf(executionId)).resolves.toBe("once");
  });

  test("one of an attempt that counts as lost, while the next one runs", async () => {
    const { office, claimed, complete, beat } = await createExternal({ retryBaseDelay: 0 });
    await office.retryLater(claimed, 0);
    const second = await claimExternal(office);
    const before = await everything(office);
    await expect(complete({ success: true })).rejects.toMatchObject(isOver);
    await expect(beat()).rejects.toMatchObject(isOver);
    await expect(everything(office)).resolves.toBe(before);
    await expect(second.complete({ success: true })).resolves.toMatchObject({ status: "done" });
  });

  test("of many at once exactly one counts", async () => {
    const { office, complete, beat, executionId } = await createExternal();
    const reports = Array.from({ length: 12 }, (_, n) => complete({ success: n % 2 === 0, output: `${n}` }));
    const codes = await Promise.all([...reports, ...[1, 2, 3].map((n) => beat(`b${n}`))].map(codeOf));
    expect(codes.slice(0, 12).toSorted().slice(-1)).toEqual(["it was done"]);
    expect(codes.slice(0, 12).filter((code) => code === "it was done")).toHaveLength(1);
    const { length } = (await office.story()).filter((line) => /job_(completed|retrying) a/.test(line));
    expect(length).toBe(1);
    // Of each report that was accepted its output is there, whole, and of none that was not.
    const output = await outputOf(executionId);
    const beats = codes.slice(12).filter((code) => code === "it was done").length;
    expect(output.match(/b\d/g)?.length ?? 0).toBe(beats);
    expect(output.replaceAll(/b\d/g, "")).toBe(String(codes.indexOf("it was done")));
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("whatever comes in whatever order", async () => {
    const action = fc.constantFrom("complete", "fail", "beat", "cancel", "lose", "claim");
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 8 }), async (actions) => {
        const { office, claimed, ...first } = await createExternal({ retryBaseDelay: 0 });
        let over = false;
        for (const name of actions) {
          const before = await everything(office);
          if (name === "cancel") await office.cancel("a");
          else if (name === "claim") await office.claim();
          else if (name === "lose") over = (await office.retryLater(claimed, 0)).settled.length > 0 || over;
          else {
            const report = name === "beat" ? first.beat() : first.complete({ success: name === "complete" });
            const code = await codeOf(report);
            expect(code).toBe(over ? "execution_is_over" : "it was done");
            if (over) await expect(everything(office)).resolves.toBe(before);
            over ||= name !== "beat";
          }
        }
        await expect(problemsOf(office)).resolves.toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});

describe("a heartbeat", () => {
  test("renews the lease, and adds to the output", async () => {
    const { executionId, beat } = await createExternal();
    await sql(api(), "UPDATE job_executions SET lease_until = lease_until - interval '50 s' WHERE id = $1", [
      executionId,
    ]);
    await beat("one\n");
    const { lease_until: until, stop } = await beat("two\n");
    expect(stop).toBeNull();
    const [row] = await sql<{ lease_until: Date; renewed: boolean }>(
      api(),
      "SELECT lease_until, lease_until > now() + interval '50 s' AS renewed FROM job_executions WHERE id = $1",
      [executionId],
    );
    expect(row).toEqual({ lease_until: new Date(until), renewed: true });
    await expect(outputOf(executionId)).resolves.toBe("one\ntwo\n");
  });

  test.for(["cancelled", "timeout", "interrupted"])(
    "tells that it is to stop (%s), and renews nothing then",
    async (cause) => {
      const { executionId, beat } = await createExternal();
      const before = await beat();
      await sql(api(), "UPDATE job_executions SET stop_cause = $2 WHERE id = $1", [executionId, cause]);
      await expect(beat()).resolves.toEqual({ lease_until: before.lease_until, stop: cause });
    },
  );

  test("of many at once, each with output, none is lost", async () => {
    const { executionId, beat } = await createExternal();
    const lines = Array.from({ length: 20 }, (_, n) => `line ${n}\n`);
    await Promise.all(lines.map((line) => beat(line)));
    const written = (await outputOf(executionId)).match(/line \d+\n/g) ?? [];
    expect(written.toSorted()).toEqual(lines.toSorted());
  });
});

describe("a token", () => {
  const create = (executionId: string, token = api().token) =>
    api().clientOf(token).call("createExecutionToken", { params: { executionId } });

  test("of its own execution alone opens it", async () => {
    const [one, other] = [await createExternal(), await createExternal()];
    const { execution_token: token } = await create(one.executionId);
    const client = api().clientOf(token);
    await expect(
      client.call("heartbeatExecution", { params: { executionId: other.executionId } }),
    ).rejects.toMatchObject({ problem: { code: "unauthorized" } });
    await expect(
      client.call("completeExecution", { params: { executionId: one.executionId }, body: { success: true } }),
    ).resolves.toMatchObject({ status: "done" });
    await expect(client.call("getOffice", { params: { officeId: one.office.id } })).rejects.toMatchObject({
      problem: { code: "unauthorized" },
    });
  });

  test("takes a key that may write in the execution's office", async () => {
    const [{ office, executionId }, elsewhere] = [await createExternal(), await api().createOffice()];
    await expect(create(executionId, await api().createKey(office.id))).resolves.toMatchObject({
      execution_id: executionId,
    });
    await expect(codeOf(create(executionId, await api().createKey(office.id, "read")))).resolves.toBe("forbidden");
    await expect(codeOf(create(executionId, await api().createKey(elsewhere.id)))).resolves.toBe("not_found");
    await expect(codeOf(create(newId()))).resolves.toBe("not_found");
  });

  test("is for live sessions that run elsewhere", async () => {
    const { executionId, complete } = await createExternal();
    await complete({ success: true });
    await expect(codeOf(create(executionId))).resolves.toBe("execution_is_over");
    const office = await api().createOffice();
    await office.submit({ a: {} });
    const { execution_id: own } = await office.claimOne();
    await expect(codeOf(create(own))).resolves.toBe("not_external");
  });

  test("goes with its job, as does what its session wrote", async () => {
    const { office, executionId, beat, complete } = await createExternal();
    await beat("something");
    await complete({ success: false, error: { class: "INVALID_JOB", message: "no" } });
    await sql(api(), "DELETE FROM job_queue WHERE office_id = $1", [office.id]);
    const [left] = await sql<{ tokens: number; pieces: number }>(
      api(),
      `SELECT (SELECT count(*)::integer FROM job_execution_tokens WHERE execution_id = $1) AS tokens,
         (SELECT count(*)::integer FROM job_output WHERE execution_id = $1) AS pieces`,
      [executionId],
    );
    expect(left).toEqual({ tokens: 0, pieces: 0 });
  });
});

import { describe, expect, test } from "vitest";
import { setupApi } from "../../../../../test/support/api.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";
import { newId } from "../../../src/platform/ids.ts";
import { changesBy, codeOf, setupControls } from "./controlsWorld.ts";

const { api, on, createOfficeInEveryState } = setupControls();

describe("cancel", () => {
  test("of a running job takes its dependents along, and has its session stopped", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const claimed = await office.claimOne();
    const answer = await on("cancelJob", office, "a", { body: { reason: "the client changed its mind" } });
    expect({ ...answer, job_ids: office.keysOf(answer.job_ids) }).toEqual({
      cancelled: 2,
      stopping: 1,
      job_ids: ["a", "b"],
    });
    await expect(office.job("a")).resolves.toMatchObject({
      error_class: "CANCELLED",
      error_message: "the client changed its mind",
    });
    await expect(office.executions()).resolves.toMatchObject([{ id: claimed.execution_id, stop_cause: "cancelled" }]);
    await office.finish(claimed);
    await expect(office.states()).resolves.toEqual({ a: "cancelled", b: "cancelled" });
  });

  test.for(["done", "failed", "timeout", "cancelled"])("of a job that is %s changes nothing", async (key) => {
    const office = await createOfficeInEveryState();
    const changes = await changesBy(office, async () => {
      const answer = await on("cancelJob", office, key, {});
      expect(answer).toEqual({ cancelled: 0, stopping: 0, job_ids: [] });
    });
    expect(changes).toEqual([]);
  });
});

describe("priority", () => {
  test("counts at the next claim", async () => {
    const office = await api().createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ first: {}, second: {} });
    await expect(on("setPriority", office, "second", { body: { priority: -1 } })).resolves.toMatchObject({
      priority: -1,
    });
    await expect(office.claimOne()).resolves.toMatchObject({ key: "second" });
    const changed = (await office.events()).find(({ type }) => type === "job_priority_changed");
    expect(changed).toMatchObject({ job_key: "second", details: { from: 0, to: -1 } });
  });

  test.for([
    ["processing", "job_is_running"],
    ["done", "job_is_final"],
    ["failed", "job_is_final"],
    ["timeout", "job_is_final"],
    ["cancelled", "job_is_final"],
  ] as const)("of a job that is %s is refused: %s", async ([key, code]) => {
    const office = await createOfficeInEveryState();
    const changes = await changesBy(office, async () => {
      await expect(codeOf(on("setPriority", office, key, { body: { priority: 3 } }))).resolves.toBe(code);
    });
    expect(changes).toEqual([]);
  });
});

describe("timeout", () => {
  test("of a running job moves the deadline of its session", async () => {
    const office = await api().createOffice();
    await office.submit({ a: { timeout_ms: 60_000 } });
    await office.claimOne();
    const job = await on("setTimeout", office, "a", { body: { timeout_ms: 90_000 } });
    expect(job).toMatchObject({ status: "processing", timeout_ms: 90_000 });
    const { executions } = await on("getJob", office, "a", {});
    expect(executions).toMatchObject([{ attempt: 1, status: "running", timeout_ms: 90_000 }]);
  });

  test.for(["ready", "pending"])("of a job that is %s is for the sessions to come", async (key) => {
    const office = await createOfficeInEveryState();
    await expect(on("setTimeout", office, key, { body: { timeout_ms: 5_000 } })).resolves.toMatchObject({
      timeout_ms: 5_000,
    });
  });

  test.for(["done", "failed", "timeout", "cancelled"])("of a job that is %s is refused", async (key) => {
    const office = await createOfficeInEveryState();
    const changes = await changesBy(office, async () => {
      await expect(codeOf(on("setTimeout", office, key, { body: { timeout_ms: 1 } }))).resolves.toBe("job_is_final");
    });
    expect(changes).toEqual([]);
  });
});

describe("assignee", () => {
  test.for(["ready", "pending"])("a job that is %s is handed over, to a role and to an agent", async (key) => {
    const office = await createOfficeInEveryState();
    const agent = newId();
    await expect(on("setAssignee", office, key, { body: { role: "QA" } })).resolves.toMatchObject({ role: "QA" });
    const job = await on("setAssignee", office, key, { body: { agent_id: agent } });
    expect(job).toMatchObject({ role: "QA", agent_id: agent });
    await expect(on("setAssignee", office, key, { body: { agent_id: null } })).resolves.toMatchObject({
      role: "QA",
      agent_id: null,
    });
  });

  test("a running job is not, unless it is to be run anew", async () => {
    const office = await api().createOffice();
    await office.submit({ a: { role: "BE" } });
    const claimed = await office.claimOne();
    const changes = await changesBy(office, async () => {
      await expect(codeOf(on("setAssignee", office, "a", { body: { role: "QA" } }))).resolves.toBe("job_is_running");
    });
    expect(changes).toEqual([]);
    const job = await on("setAssignee", office, "a", { body: { role: "QA", requeue: true } });
    expect(job).toMatchObject({ role: "QA", status: "processing" });
    await expect(office.executions()).resolves.toMatchObject([{ id: claimed.execution_id, stop_cause: "interrupted" }]);
  });

  test.for(["done", "failed", "timeout", "cancelled"])("a job that is %s is not", async (key) => {
    const office = await createOfficeInEveryState();
    const body = { role: "QA", requeue: true };
    const changes = await changesBy(office, async () => {
      await expect(codeOf(on("setAssignee", office, key, { body }))).resolves.toBe("job_is_final");
    });
    expect(changes).toEqual([]);
  });
});

describe("notes", () => {
  test("a pull request and a branch are noted, on a job in any state, and taken away again", async () => {
    const office = await createOfficeInEveryState();
    for (const key of ["done", "processing", "ready"]) {
      const changes = await changesBy(office, () => on("patchJob", office, key, { body: { pr_number: 7 } }));
      expect(changes).toEqual(["rows"]);
    }
    const noted = await on("patchJob", office, "done", { body: { branch_name: "feature/login" } });
    expect(noted).toMatchObject({ status: "done", pr_number: 7, branch_name: "feature/login" });
    const cleared = await on("patchJob", office, "done", { body: { pr_number: null } });
    expect(cleared).toMatchObject({ pr_number: null, branch_name: "feature/login" });
  });
});

describe("a job that is not there", () => {
  const CALLS: { [name: string]: (office: TestOffice, key: string) => Promise<unknown> } = {
    retry: (office, key) => on("retryJob", office, key, {}),
    cancel: (office, key) => on("cancelJob", office, key, {}),
    priority: (office, key) => on("setPriority", office, key, { body: { priority: 1 } }),
    timeout: (office, key) => on("setTimeout", office, key, { body: { timeout_ms: 1 } }),
    assignee: (office, key) => on("setAssignee", office, key, { body: { role: "QA", requeue: true } }),
    show: (office, key) => on("getJob", office, key, {}),
    note: (office, key) => on("patchJob", office, key, { body: { pr_number: 1 } }),
  };

  test.for(Object.entries(CALLS))("%s: of nobody, and of another office", async ([, call]) => {
    const [office, other] = [await api().createOffice(), await api().createOffice()];
    await other.submit({ a: {} });
    office.adopt("nobody's", newId());
    office.adopt("theirs", other.idOf("a"));
    const changes = await changesBy(other, async () => {
      for (const key of ["nobody's", "theirs"]) await expect(codeOf(call(office, key))).resolves.toBe("not_found");
    });
    expect(changes).toEqual([]);
  });
});

describe("workers elsewhere hear", () => {
  test("of a retry, of a cancel, of another deadline, and of a handover", async () => {
    const world = await setupApi();
    const office = await world.createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: { max_retries: 0 } });
    const { runtime } = await world.startWorker();
    const params = { officeId: office.id, jobId: office.idOf("a") };
    const failed = world.whenEvent(office, ({ type }) => type === "job_failed");
    await runtime.fail("a");
    await failed;

    await world.client.call("retryJob", { params });
    const second = await runtime.started("a", 2);
    await world.client.call("setAssignee", { params, body: { role: "QA", requeue: true } });
    const third = await runtime.started("a", 3);
    await world.client.call("setTimeout", { params, body: { timeout_ms: 1_234 } });
    await world.client.call("cancelJob", { params });
    const body = { jobs: [{ key: "b", command: ["true"] }] };
    await world.client.call("submitJobs", { params: { officeId: office.id }, body });
    // Its slot is free once the session of `a` is gone.
    await runtime.started("b");
    expect([second.stops, third.stops, third.request.role]).toEqual([["interrupted"], ["cancelled"], "QA"]);
  });
});

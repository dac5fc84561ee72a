import type { SessionSpec } from "office-contract/session.ts";
import { describe, expect, test } from "vitest";
import { problemIn, setupFileApi } from "../../../../test/support/api.ts";
import { newId } from "../../src/platform/ids.ts";

const api = setupFileApi();

const EXTERNAL: SessionSpec = { runtime: "external", cwd: "/", env: {} };

/** The execution of an office's only job, which runs. */
async function running(session: SessionSpec = EXTERNAL) {
  const office = await api().createOffice();
  await office.submit({ a: { session } });
  const { execution_id: executionId } = await office.claimOne();
  return { office, executionId };
}

const post = (path: string, token: string, json: unknown = {}) =>
  api().request("POST", `/api/executions/${path}`, { token, json });

describe("a session that runs elsewhere", () => {
  test("is reported about with its own token, from start to end", async () => {
    const { office, executionId } = await running();
    const { client, clientOf } = api();
    const params = { executionId };
    const { token } = await client.call("createExecutionToken", { params });
    const session = clientOf(token);
    const { stop, lease_until: until } = await session.call("heartbeatExecution", { params, body: { output: "hi\n" } });
    expect([stop, Number.isNaN(Date.parse(until))]).toEqual([null, false]);
    const completed = await session.call("completeExecution", { params, body: { success: true, result: [1] } });
    expect(completed).toEqual({ execution_id: executionId, job_id: office.idOf("a"), status: "done" });
    const again = problemIn(await post(`${executionId}/complete`, token, { success: true }));
    expect([again.status, again.code]).toEqual([409, "execution_is_over"]);
    const logs = await api().request("GET", `/api/offices/${office.id}/jobs/${office.idOf("a")}/logs`);
    expect(logs.text).toBe("hi\n");
  });

  test("its token opens nothing else, and no other token opens it", async () => {
    const [one, other] = [await running(), await running()];
    const { client, token: key, request } = api();
    const { token } = await client.call("createExecutionToken", { params: { executionId: one.executionId } });
    for (const [path, with_] of [
      [`${other.executionId}/complete`, token],
      [`${one.executionId}/complete`, key],
      [`${newId()}/complete`, token],
    ] as const) {
      expect(problemIn(await post(path, with_, { success: true })).code).toBe("unauthorized");
    }
    expect(problemIn(await request("GET", `/api/offices/${one.office.id}`, { token })).code).toBe("unauthorized");
    await expect(one.office.states()).resolves.toEqual({ a: "processing" });
  });
});

describe("a token", () => {
  test("is given to who may write in the office of its execution", async () => {
    const { office, executionId } = await running();
    const { office: elsewhere } = await running();
    const { createKey } = api();
    const keys = { own: await createKey(office.id), reader: await createKey(office.id, "read") };
    const stranger = await createKey(elsewhere.id);
    expect((await post(`${executionId}/token`, keys.own)).status).toBe(201);
    expect(problemIn(await post(`${executionId}/token`, keys.reader)).code).toBe("forbidden");
    const refused = problemIn(await post(`${executionId}/token`, stranger));
    expect([refused.status, refused.detail]).toEqual([404, `there is no execution ${executionId}`]);
    expect(problemIn(await post(`${newId()}/token`, api().token)).code).toBe("not_found");
  });

  test("is not given for a session of our own, nor for one that is over", async () => {
    const own = await running({ run: "true", cwd: "/", env: {} });
    expect(problemIn(await post(`${own.executionId}/token`, api().token)).code).toBe("not_external");
    const { office, executionId } = await running();
    const { token } = await api().client.call("createExecutionToken", { params: { executionId } });
    await post(`${executionId}/complete`, token, { success: true });
    expect(problemIn(await post(`${executionId}/token`, api().token)).code).toBe("execution_is_over");
    await expect(office.states()).resolves.toEqual({ a: "done" });
  });
});

test("what a report may not say", async () => {
  const { executionId } = await running();
  const { token } = await api().client.call("createExecutionToken", { params: { executionId } });
  for (const body of [
    { success: "yes" },
    { success: true, error: { class: "EXIT_CODE", message: "but" } },
    { success: false, error: { class: "CANCELLED", message: "no report's to say" } },
  ]) {
    expect(problemIn(await post(`${executionId}/complete`, token, body)).code).toBe("invalid_request");
  }
});

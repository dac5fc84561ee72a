import { describe, expect, test } from "vitest";
import { problemIn, setupFileApi } from "../../../../test/support/api.ts";
import type { TestOffice } from "../../../../test/support/testOffice.ts";

const api = setupFileApi();

const submit = (office: TestOffice, json: unknown, headers: Record<string, string> = {}) =>
  api().request("POST", `/api/offices/${office.id}/jobs`, { json, headers });

const JOBS = { jobs: [{ key: "a", command: ["true"] }] };

describe("a request that comes again under its Idempotency-Key", () => {
  test("gets the first answer, byte for byte, and is told so", async () => {
    const office = await api().createOffice();
    const first = await submit(office, JOBS, { "idempotency-key": "1" });
    await office.pass();
    const second = await submit(office, JOBS, { "idempotency-key": "1" });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect([first.headers.get("idempotent-replay"), second.headers.get("idempotent-replay")]).toEqual([null, "true"]);
    expect(second.text).toBe(first.text);
    expect(second.headers.get("content-type")).toBe(first.headers.get("content-type"));
    await expect(office.jobs()).resolves.toHaveLength(1);
  });

  test("is refused with another body", async () => {
    const office = await api().createOffice();
    await submit(office, JOBS, { "idempotency-key": "1" });
    const other = problemIn(await submit(office, { ...JOBS, task: "Another" }, { "idempotency-key": "1" }));
    expect([other.status, other.code]).toEqual([422, "idempotency_key_reused"]);
  });
});

test("a cycle is named in order, and nothing is stored", async () => {
  const office = await api().createOffice();
  const jobs = [
    { key: "a", depends_on: ["c"] },
    { key: "b", depends_on: ["a"] },
    { key: "c", depends_on: ["b"] },
  ];
  expect(problemIn(await submit(office, { jobs }))).toMatchObject({
    status: 422,
    code: "invalid_graph",
    cycle: ["a", "c", "b", "a"],
    errors: [{ field: "body.jobs[0].depends_on[0]" }],
  });
  await expect(office.jobs()).resolves.toEqual([]);
});

test("shell lines are off, unless the operator turns them on", async () => {
  const office = await api().createOffice();
  expect(problemIn(await submit(office, { jobs: [{ key: "a", run: "true" }] }))).toMatchObject({
    status: 403,
    code: "shell_not_allowed",
    errors: [{ field: "body.jobs[0].run" }],
  });
});

test("a worker elsewhere hears of it, and runs it", async () => {
  const office = await api().createOffice();
  const { runtime } = await api().startWorker();
  await submit(office, { jobs: [{ key: "heard of", command: ["true"] }] });
  await runtime.started("heard of");
  expect(runtime.starts).toContain("heard of#1");
});

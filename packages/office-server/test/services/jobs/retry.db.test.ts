import { describe, expect, test } from "vitest";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { completed } from "../../../src/domain/lifecycle.ts";
import { changesBy, codeOf, setupControls } from "./controlsWorld.ts";

const { api, on, createBrokenChain, createOfficeInEveryState } = setupControls();

describe("retry", () => {
  test("brings back what the failure had cancelled", async () => {
    const office = await createBrokenChain();
    const { job, job_ids: ids } = await on("retryJob", office, "a", {});
    expect(job).toMatchObject({ key: "a", status: "ready", attempt: 1, retry_count: 0, error_class: null });
    expect(office.keysOf(ids)).toEqual(["a", "b", "c"]);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "pending", c: "pending" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("leaves it, if asked to", async () => {
    const office = await createBrokenChain();
    const { job_ids: ids } = await on("retryJob", office, "a", { query: { downstream: "false" } });
    expect(office.keysOf(ids)).toEqual(["a"]);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "cancelled", c: "cancelled" });
    await office.finish(await office.claimOne());
    await on("retryJob", office, "b", {});
    await expect(office.states()).resolves.toEqual({ a: "done", b: "ready", c: "pending" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test.for(["ready", "pending", "processing"])("is refused for a job that is %s, and changes nothing", async (key) => {
    const office = await createOfficeInEveryState();
    const changes = await changesBy(office, async () => {
      await expect(codeOf(on("retryJob", office, key, {}))).resolves.toBe("job_not_final");
    });
    expect(changes).toEqual([]);
  });

  test("waits until the last session is gone, and says so", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {} });
    const claimed = await office.claimOne();
    await on("cancelJob", office, "a", {});
    await expect(on("retryJob", office, "a", {})).rejects.toMatchObject({
      problem: { code: "job_not_final", detail: expect.stringContaining("still being stopped") as string },
    });
    await office.settle(claimed, completed(null));
    await expect(on("retryJob", office, "a", {})).resolves.toMatchObject({ job: { status: "ready" } });
  });

  test("of a job that still depends on a failed one is refused, naming that one", async () => {
    const office = await createBrokenChain();
    const changes = await changesBy(office, async () => {
      await expect(on("retryJob", office, "b", {})).rejects.toMatchObject({
        problem: {
          code: "dependency_failed",
          detail: expect.stringContaining("depends on a, which is failed") as string,
        },
      });
    });
    expect(changes).toEqual([]);
  });

  test("of such a job is taken where a bad end blocks, and cancels nothing", async () => {
    const office = await api().createOffice({ onDependencyFailure: "block" });
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.fail(await office.claimOne());
    await office.cancel("b");
    await expect(on("retryJob", office, "b", {})).resolves.toMatchObject({ job: { status: "pending" } });
  });

  test("is refused in an archived office", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {} });
    await office.finish(await office.claimOne());
    await api().client.call("patchOffice", { params: { officeId: office.id }, body: { status: "archived" } });
    await expect(codeOf(on("retryJob", office, "a", {}))).resolves.toBe("office_is_archived");
  });

  test("by many at once happens once", async () => {
    const office = await createBrokenChain();
    const codes = await Promise.all(Array.from({ length: 8 }, () => codeOf(on("retryJob", office, "a", {}))));
    expect(codes.toSorted()).toEqual(["it was done", ...Array.from({ length: 7 }, () => "job_not_final")]);
    const story = await office.story();
    expect(story.filter((line) => line === "job_retrying a")).toHaveLength(1);
  });
});

import { ApiError, type RequestOf } from "office-contract/api/client.ts";
import { setupFileApi } from "../../../../../test/support/api.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

type Control = "retryJob" | "cancelJob" | "setPriority" | "setTimeout" | "setAssignee" | "getJob" | "patchJob";
type Rest<Name extends Control> = Omit<RequestOf<Name>, "params">;

export const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "it was done",
    (error: unknown) => {
      if (error instanceof ApiError) return error.problem.code;
      throw error;
    },
  );

/** What a call changed of an office: nothing, if it was refused. */
export async function changesBy(office: TestOffice, call: () => Promise<unknown>): Promise<string[]> {
  const before = await office.events();
  const rows = JSON.stringify([await office.jobs(), await office.executions()]);
  await call();
  const story = await office.story(before.length);
  const same = rows === JSON.stringify([await office.jobs(), await office.executions()]);
  return same ? story : [...story, "rows"];
}

/** An API for all tests of a file, and what is asked of jobs through it, by their keys. */
export function setupControls() {
  const api = setupFileApi();

  const on = <Name extends Control>(name: Name, office: TestOffice, key: string, rest: Rest<Name>) =>
    api().client.call(name, {
      params: { officeId: office.id, jobId: office.idOf(key) },
      ...rest,
    } as unknown as RequestOf<Name>);

  /** `a` failed, which cancelled `b` and, behind it, `c`. */
  async function createBrokenChain(): Promise<TestOffice> {
    const office = await api().createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { depends_on: ["b"] } });
    await office.fail(await office.claimOne());
    return office;
  }

  /** `ready`, `pending`, `processing`, and one in each final state. */
  async function createOfficeInEveryState(): Promise<TestOffice> {
    const office = await api().createOffice({ maxConcurrentJobs: 1 });
    for (const key of ["done", "failed", "timeout", "processing"]) await office.submit({ [key]: {} });
    await office.submit({ ready: {}, pending: { depends_on: ["ready"] }, cancelled: {} });
    await office.finish(await office.claimOne());
    await office.fail(await office.claimOne());
    await office.fail(await office.claimOne(), "TIMEOUT");
    await office.claimOne();
    await office.cancel("cancelled");
    return office;
  }

  return { api, on, createBrokenChain, createOfficeInEveryState };
}

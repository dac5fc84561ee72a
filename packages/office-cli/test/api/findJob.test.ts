import { PassThrough } from "node:stream";
import type { Job } from "office-contract/api/jobs.ts";
import { describe, expect, test } from "vitest";
import { findJob, findTask } from "../../src/api/findJob.ts";
import { makeJob, officeOf } from "../support/api.ts";

/** An office with some jobs, the newest first, that lists so many at a time. */
function setup(jobs: readonly Job[], pageSize = 1_000) {
  const pages: number[] = [];
  const office = officeOf(({ url }) => {
    const from = Number(url.searchParams.get("cursor") ?? 0);
    pages.push(from);
    const end = from + pageSize;
    return Response.json({ jobs: jobs.slice(from, end), next_cursor: end < jobs.length ? String(end) : null });
  });
  const stderr = new PassThrough();
  const output = { stdout: new PassThrough(), stderr };
  return {
    find: (named: string) => findJob(office, named, output),
    findTask: (named: string) => findTask(office, named),
    said: () => String(stderr.read() ?? ""),
    pages,
  };
}

const two = [makeJob(2), makeJob(1)];

describe("a job is found", () => {
  test("by its id, without a question", async () => {
    const { find, pages } = setup([]);
    expect(await find(makeJob(1).id)).toBe(makeJob(1).id);
    expect(pages).toEqual([]);
  });

  test("by its key, on any page", async () => {
    const { find, said } = setup(two, 1);
    expect(await find("job-1")).toBe(makeJob(1).id);
    expect(said()).toBe("");
  });

  test("by its key, the newest of those that have it, and that is said", async () => {
    const { find, said } = setup([makeJob(3, { key: "build" }), makeJob(2, { key: "build" }), makeJob(1)]);
    expect(await find("build")).toBe(makeJob(3).id);
    expect(said()).toBe(`2 jobs have the key "build"; this is about the newest, ${makeJob(3).id}\n`);
  });

  test("by the beginning of its id, in any case of letters", async () => {
    const { find } = setup([makeJob(1, { id: "abcdef12-0000-4000-8000-000000000001" }), makeJob(2)]);
    expect(await find("ABCDEF")).toBe("abcdef12-0000-4000-8000-000000000001");
  });

  test("by a key that could be the beginning of an id", async () => {
    const { find } = setup([makeJob(1, { id: "abcdef12-0000-4000-8000-000000000001" }), makeJob(2, { key: "abcdef" })]);
    expect(await find("abcdef")).toBe(makeJob(2).id);
  });
});

describe("a job is not found", () => {
  test.each(["nothing", "0199c", "0199c7b"])("that is not there: %s", async (named) => {
    await expect(setup(two).find(named)).rejects.toThrow(
      `there is no job "${named}" in this office; a job is named by its key or its id`,
    );
  });

  test("by a beginning that several ids have", async () => {
    await expect(setup(two, 1).find("0199c7")).rejects.toThrow(
      `"0199c7" begins the ids of 2 jobs: ${makeJob(2).id} (job-2), ${makeJob(1).id} (job-1)`,
    );
  });

  test("in an office with more jobs than are looked through, and that is said", async () => {
    const page = Array.from({ length: 1_000 }, (_, index) => makeJob(index));
    const office = officeOf(() => Response.json({ jobs: page, next_cursor: "more" }));
    const output = { stdout: new PassThrough(), stderr: new PassThrough() };
    await expect(findJob(office, "nothing", output)).rejects.toThrow("among the newest 50000 jobs");
  });
});

describe("a task is found", () => {
  const id = "0199c7a2-1111-7000-8000-000000000001";

  test.each([id, "0199c7"])("by %s", async (named) => {
    expect(await setup(two).findTask(named)).toBe(id);
  });

  test.each([
    ["login", '"login" is no task\'s id, nor 6 or more characters of its beginning'],
    ["ffffff", 'there is no task whose id begins with "ffffff" in this office'],
  ])("not by %s", async (named, message) => {
    await expect(setup(two).findTask(named)).rejects.toThrow(message);
  });
});

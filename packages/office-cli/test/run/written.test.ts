import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createRunView, type RunInfo } from "../../src/run/view.ts";
import { shellWord } from "../../src/shellWord.ts";
import { makeEvents, makeRun, noon } from "./factories.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "office-run-"));
  vi.useFakeTimers({ toFake: ["Date", "performance"], now: noon });
  vi.stubEnv("FORCE_COLOR", undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Shows a run as text or as JSON. Its events come as they are made. */
const setup = (kind: "lines" | "json", run: RunInfo) => {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const view = createRunView(kind, { stdout, stderr });
  const makeEvent = makeEvents(run);
  const events: ReturnType<typeof makeEvent>[] = [];
  view.start(run);
  const happen: (...fact: Parameters<typeof makeEvent>) => void = (...fact) => {
    const event = makeEvent(...fact);
    vi.setSystemTime(new Date(event.timestamp));
    events.push(event);
    view.onEvents([event]);
  };
  const finish = async ({ interrupted = false, afterMs = 12_340 } = {}) => {
    vi.advanceTimersByTime(afterMs);
    await view.finish({ interrupted });
    return { stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? ""), events };
  };
  return { view, happen, finish };
};

const trouble = { error_class: "EXIT_CODE", message: "exit code 1", exit_code: 1 };
const chain = () =>
  makeRun([
    { key: "schema" },
    { key: "build", dependsOn: ["schema"] },
    { key: "test", role: "QA", dependsOn: ["build"] },
  ]);

const writeOutput = (name: string, text: string): string => {
  const output = join(folder, name);
  mkdirSync(output);
  writeFileSync(join(output, "output.log"), text);
  return output;
};

describe("lines", () => {
  test("tell what happens to each job, and that all is done", async () => {
    const { happen, finish } = setup("lines", chain());
    for (const key of ["schema", "build", "test"]) happen(0, "job_created", key);
    happen(0, "job_ready", "schema");
    happen(1, "job_started", "schema", { attempt: 1 });
    happen(6.2, "job_completed", "schema", { attempt: 1 });
    happen(6.2, "job_ready", "build");
    happen(7, "job_started", "build", { attempt: 1 });
    happen(8, "job_retrying", "build", { attempt: 1, ...trouble, retry_delay_ms: 60_000, retry: 1, max_retries: 2 });
    happen(68, "job_ready", "build");
    happen(68, "job_started", "build", { attempt: 2 });
    happen(70, "job_completed", "build", { attempt: 2 });
    happen(71, "job_started", "test", { attempt: 1 });
    happen(72, "job_completed", "test", { attempt: 1 });
    expect((await finish()).stdout).toBe(`Login feature: 3 jobs, 3 at a time (office website)
12:00:01 schema started (BE)
12:00:06 schema done in 5.2 s
12:00:07 build  started (BE)
12:00:08 build  retrying in 60 s (2 of 3): EXIT_CODE exit code 1
12:01:08 build  started (BE, attempt 2)
12:01:10 build  done in 2.0 s (attempt 2)
12:01:11 test   started (QA)
12:01:12 test   done in 1.0 s
✔ 3 jobs done in 12.3 s
`);
  });

  test("show the last output of what failed, and how to carry on", async () => {
    const output = writeOutput("a", `${Array.from({ length: 40 }, (_, n) => `line ${n}`).join("\n")}\n\u001b[31mred\n`);
    const { happen, finish } = setup("lines", chain());
    happen(1, "job_started", "schema", { attempt: 1 });
    happen(6, "job_failed", "schema", { attempt: 1, ...trouble, output });
    const cause = { error_class: "DEPENDENCY_FAILED", caused_by_key: "schema" };
    happen(6, "job_cancelled", "build", { ...cause, message: "it depends on schema, which ended failed" });
    happen(6, "job_cancelled", "test", { ...cause, message: "it depends on build, which ended cancelled" });
    const lastLines = Array.from({ length: 14 }, (_, n) => `    │ line ${n + 26}`).join("\n");
    expect((await finish()).stdout).toBe(`Login feature: 3 jobs, 3 at a time (office website)
12:00:01 schema started (BE)
12:00:06 schema failed after 5.0 s: EXIT_CODE exit code 1
${lastLines}
    │ red
    └ ${output}/output.log
12:00:06 build  cancelled: it depends on schema, which ended failed
12:00:06 test   cancelled: it depends on build, which ended cancelled
✘ 3 of 3 jobs did not end done: 1 failed, 2 cancelled (12.3 s)
  ✘ schema  EXIT_CODE exit code 1
            ${output}/output.log
  ⊘ cancelled: build, test
  to carry on: office run plan.yaml --resume
`);
  });

  test("say of an interrupted run what was stopped", async () => {
    const { view, happen, finish } = setup(
      "lines",
      makeRun([{ key: "a" }, { key: "b" }], {
        carryOn: (jobs) => `office run ${shellWord("my plan.yaml")} --resume # ${jobs.length} ended badly`,
      }),
    );
    happen(1, "job_started", "a", { attempt: 1 });
    view.notice("stopping 1 session ...");
    happen(3, "job_retrying", "a", { attempt: 1, reason: "interrupted", message: "its worker was shut down" });
    happen(3, "job_ready", "a");
    expect((await finish({ interrupted: true })).stdout).toBe(`Login feature: 2 jobs, 3 at a time (office website)
12:00:01 a started (BE)
12:00:01 stopping 1 session ...
12:00:03 a back in the queue: its worker was shut down
■ interrupted after 12.3 s: 0 of 2 jobs done, 2 left
  ■ stopped: a
  to carry on: office run 'my plan.yaml' --resume # 0 ended badly
`);
  });

  test("of a resumed run count what was done before", async () => {
    const run = makeRun([{ key: "a", initialState: "done" }, { key: "b" }], { resumed: true });
    const { happen, finish } = setup("lines", run);
    happen(0, "job_retrying", "b", { explicit: true, was: "failed" });
    happen(0, "job_ready", "b");
    happen(1, "job_started", "b", { attempt: 4 });
    happen(61, "job_completed", "b", { attempt: 4 });
    expect((await finish()).stdout).toBe(`Login feature: 2 jobs, 1 of them done already, 3 at a time (office website)
12:00:00 b back in the queue
12:00:01 b started (BE, attempt 4)
12:01:01 b done in 1 min (attempt 4)
✔ 2 jobs done in 12.3 s (1 of them in an earlier run)
`);
  });

  test("keep a job that timed out, and one that is left waiting, apart", async () => {
    const { happen, finish } = setup("lines", chain());
    happen(0, "job_started", "schema", { attempt: 3 });
    happen(1800, "job_timeout", "schema", {
      attempt: 3,
      error_class: "TIMEOUT",
      message: "the session ran past its timeout",
    });
    expect((await finish()).stdout.split("\n").slice(2)).toEqual([
      "12:30:00 schema timed out after 30 min (attempt 3)",
      "✘ 3 of 3 jobs did not end done: 1 timed out, 2 still waiting (12.3 s)",
      "  ✘ schema  TIMEOUT the session ran past its timeout (3 attempts)",
      "  to carry on: office run plan.yaml --resume",
      "",
    ]);
  });

  test("stay one line a change, whatever is in a key or a message, and cut only the endless", async () => {
    const key = "\u001b[2Jevil\nkey";
    const { happen, finish } = setup("lines", makeRun([{ key, role: "B\u0007E" }]));
    happen(1, "job_started", key, { attempt: 1 });
    happen(2, "job_failed", key, { attempt: 1, error_class: "EXIT_CODE", message: `a\r\nb ${"x".repeat(20_000)}` });
    const lines = (await finish()).stdout.split("\n");
    expect(lines[1]).toBe("12:00:01 evil key started (BE)");
    expect(lines[2]).toMatch(/^12:00:02 evil key failed after 1.0 s: EXIT_CODE a b x+…$/);
    expect(lines[2]?.length).toBeLessThan(400);
    expect(lines).toHaveLength(7);
  });
});

describe("json", () => {
  test("is each event as it came, then a summary, and nothing else", async () => {
    const output = writeOutput("a", "");
    const { view, happen, finish } = setup("json", chain());
    happen(0, "job_created", "schema", { title: "\u001b[31mraw" });
    happen(1, "job_started", "schema", { attempt: 2 });
    view.notice("\u001b[31mstopping 1 session ...");
    happen(6, "job_failed", "schema", { attempt: 2, ...trouble, output });
    happen(6, "job_cancelled", "build", { error_class: "DEPENDENCY_FAILED", message: "it depends on schema" });
    const { stdout, stderr, events } = await finish();
    const lines = stdout.trimEnd().split("\n");
    expect(lines.slice(0, -1)).toEqual(events.map((event) => JSON.stringify(event)));
    expect(lines.at(-1)).toBe(
      JSON.stringify({
        type: "summary",
        office_id: "01990000-0000-7000-8000-000000000001",
        task_id: "01990000-0000-7000-8000-000000000002",
        ok: false,
        jobs: { total: 3, pending: 1, ready: 0, processing: 0, done: 0, failed: 1, timeout: 0, cancelled: 1 },
        duration_ms: 12_340,
        interrupted: false,
        failures: [
          {
            job_id: "id-schema",
            job_key: "schema",
            status: "failed",
            error_class: "EXIT_CODE",
            message: "exit code 1",
            attempts: 2,
            output,
          },
          {
            job_id: "id-build",
            job_key: "build",
            status: "cancelled",
            error_class: "DEPENDENCY_FAILED",
            message: "it depends on schema",
            attempts: 0,
            output: null,
          },
        ],
      }),
    );
    expect(stderr).toBe("stopping 1 session ...\n");
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import stringWidth from "string-width";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { layOut } from "../../src/run/frame.ts";
import { paint } from "../../src/line.ts";
import { foldEvents, type RunInfo, startModel } from "../../src/run/model.ts";
import { createRunView } from "../../src/run/view.ts";
import { makeEvents, makeRun, noon } from "./factories.ts";
import { Screen } from "./screen.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "office-live-"));
  vi.useFakeTimers({ toFake: ["Date", "performance", "setTimeout", "clearTimeout"], now: noon });
  vi.stubEnv("FORCE_COLOR", undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const login = () =>
  makeRun([
    { key: "stories", role: "PO" },
    { key: "schema", dependsOn: ["stories"] },
    { key: "form", role: "FE", dependsOn: ["stories"] },
    { key: "api", dependsOn: ["schema"] },
    { key: "test", role: "QA", dependsOn: ["form", "api"] },
    { key: "release", role: "PO", dependsOn: ["test"] },
  ]);

const trouble = { error_class: "EXIT_CODE", message: "exit code 1", exit_code: 1 };

/** A run on a terminal. What happens, happens at its time. */
const setup = (run: RunInfo, { columns = 80, rows = 24 } = {}) => {
  const screen = new Screen(columns, rows);
  const view = createRunView("live", { stdout: screen, stderr: new PassThrough() });
  const makeEvent = makeEvents(run);
  view.start(run);
  const happen = async (...fact: Parameters<typeof makeEvent>) => {
    const event = makeEvent(...fact);
    vi.advanceTimersByTime(Math.max(Date.parse(event.timestamp) - Date.now(), 0));
    view.onEvents([event]);
    await new Promise(setImmediate);
  };
  return { screen, view, happen };
};

describe("the live view", () => {
  test("shows what runs, what runs again and when, and what waits for what", async () => {
    const { screen, view, happen } = setup(login(), { rows: 12 });
    await happen(0, "job_started", "stories", { attempt: 1 });
    await happen(5.2, "job_completed", "stories", { attempt: 1 });
    await happen(5.2, "job_ready", "schema");
    await happen(5.2, "job_ready", "form");
    await happen(6, "job_started", "form", { attempt: 1 });
    const runAt = new Date(noon.getTime() + 67_000).toISOString();
    await happen(7, "job_retrying", "form", { attempt: 1, ...trouble, retry_delay_ms: 60_000, run_at: runAt });
    await happen(8, "job_started", "schema", { attempt: 2 });
    vi.advanceTimersByTime(42_000);
    expect(screen.text.replace(/[◐◓◑◒]/, "*")).toBe(`\
✔ stories  done in 5.2 s
Login feature  website                                                      0:50
█████████████▒▒▒▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
1 of 6 done · 5 left: 1 running, 1 to retry, 3 waiting
* schema   BE  0:42   attempt 2  The schema
↻ form     FE  again in 0:17  EXIT_CODE exit code 1
○ api      BE  after schema
○ release  PO  after test
○ test     QA  after form, api`);
    expect(screen.cursorIsVisible).toBe(false);
    await view.finish({ interrupted: false });
    expect(screen.cursorIsVisible).toBe(true);
  });

  test("shows the last line of what a session writes", async () => {
    const run = { ...login(), sessionFolder: (id: string) => join(folder, id) };
    mkdirSync(join(folder, "execution-stories-1"));
    writeFileSync(join(folder, "execution-stories-1", "output.log"), "first\n\u001b[32mthinking\u001b[0m\n\n");
    const { screen, view, happen } = setup(run);
    await happen(0, "job_started", "stories", { attempt: 1 });
    // Each second a frame is drawn, which has the file read for the next one.
    while (!screen.text.includes("thinking")) {
      vi.advanceTimersByTime(1_000);
      await new Promise(setImmediate);
    }
    expect(screen.text).toMatch(/stories  PO  \d+:\d\d   thinking$/m);
    await view.finish({ interrupted: true });
  });

  test("writes the end of each job above, a failure with its output, many of a kind in one line", async () => {
    const output = join(folder, "schema");
    mkdirSync(output);
    writeFileSync(join(output, "output.log"), `one\n${"wide ".repeat(40)}\n`);
    const keys = Array.from({ length: 9 }, (_, index) => `job-${index}`);
    const run = makeRun([{ key: "schema" }, ...keys.map((key) => ({ key, dependsOn: ["schema"] }))]);
    const { screen, view, happen } = setup(run, { columns: 60 });
    await happen(0, "job_started", "schema", { attempt: 1 });
    await happen(2, "job_failed", "schema", { attempt: 1, ...trouble, output });
    for (const key of keys)
      await happen(2, "job_cancelled", key, { message: "it depends on schema, which ended failed" });
    await view.finish({ interrupted: false });
    expect(screen.text).toBe(`\
✘ schema  failed after 2.0 s: EXIT_CODE exit code 1
    │ one
    │ ${"wide ".repeat(11).slice(0, 53)}…
    └ ${output}/output.log
⊘ 9 jobs cancelled: job-0, job-1, job-2, job-3, job-4 … and…

✘ 10 of 10 jobs did not end done: 1 failed, 9 cancelled (2.0 s)
  ✘ schema  EXIT_CODE exit code 1
            ${output}/output.log
  ⊘ cancelled: job-0, job-1, job-2, job-3, job-4, job-5, job-6, job-7 … and 1 more
  to carry on: office run plan.yaml --resume`);
  });

  test("draws ten frames a second at most, and one when only the clock moves", async () => {
    const run = makeRun(Array.from({ length: 2_000 }, (_, index) => ({ key: `job-${index}` })));
    const { screen, view, happen } = setup(run);
    const framesIn = async (act: () => Promise<void> | void) => {
      const before = screen.chunks.length;
      await act();
      return screen.chunks.slice(before).filter((chunk) => chunk.startsWith("\u001b[?2026h")).length;
    };
    expect(await framesIn(() => void vi.advanceTimersByTime(10_000))).toBe(10);
    const busy = await framesIn(async () => {
      for (let n = 0; n < 2_000; n++) await happen(10 + n / 1_000, "job_ready", `job-${n}`);
    });
    expect(busy).toBeGreaterThan(15);
    expect(busy).toBeLessThanOrEqual(20);
    await view.finish({ interrupted: true });
    expect(await framesIn(() => void vi.advanceTimersByTime(10_000))).toBe(0);
  });

  test("follows the terminal's size", async () => {
    const { screen, view } = setup(login(), { columns: 100, rows: 30 });
    screen.widestEver = 0;
    screen.resize(40, 10);
    vi.advanceTimersByTime(200);
    expect(screen.widestEver).toBeLessThanOrEqual(40);
    expect(screen.text.split("\n").filter((line) => line.startsWith("Login feature"))).toHaveLength(1);
    await view.finish({ interrupted: true });
  });

  test("is one line per change where the terminal does not say how large it is", async () => {
    const { screen, view } = setup(login(), { columns: 0, rows: 0 });
    await view.finish({ interrupted: true });
    expect(screen.text).toMatch(/^Login feature: 6 jobs, 3 at a time/);
    expect(screen.cursorIsVisible).toBe(true);
  });
});

describe("a frame", () => {
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ unit: "grapheme", maxLength: 60 }),
  );
  const types = ["job_ready", "job_started", "job_completed", "job_failed", "job_cancelled", "job_retrying"] as const;

  test("fits, whatever the size, the names and the states, and holds nothing that steers the terminal", () => {
    const job = fc.record({ key: anyText, role: anyText, title: anyText, types: fc.subarray([...types]) });
    const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) });
    fc.assert(
      fc.property(
        fc.array(job, { minLength: 1, maxLength: 40 }),
        anyText,
        size,
        (sketches, title, { columns, rows }) => {
          const jobs = sketches.map((sketch, n) => ({
            ...sketch,
            id: `id-${n}`,
            dependsOn: n > 0 ? [`id-${n - 1}`] : [],
          }));
          const run = { ...makeRun([], { title }), jobs };
          const event = makeEvents(run);
          const events = jobs.flatMap((sketch) =>
            sketch.types.map((type) => ({
              ...event(0, type, "x", { attempt: 2, message: title, run_at: noon.toISOString() }),
              job_id: sketch.id,
            })),
          );
          const { model } = foldEvents(startModel(run), events);
          const moment = { model, nowMs: noon.getTime(), elapsedMs: 0, lastLines: new Map(), tick: 0 };
          const lines = layOut({ ...moment, widths: { key: 32, role: 32 } }, { columns, rows });
          const painted = lines.map((line) => paint(line, new PassThrough(), columns));
          expect(painted.length).toBeLessThanOrEqual(Math.max(rows - 1, 1));
          for (const line of painted) {
            expect(stringWidth(line)).toBeLessThanOrEqual(columns);
            expect(line).not.toMatch(/\p{Cc}/u);
          }
        },
      ),
    );
  });

  test("counts what it has no room for", () => {
    const first = makeRun([{ key: "first" }]).jobs;
    const rest = Array.from({ length: 99 }, (_, n) => ({ key: `job-${n}`, dependsOn: ["first"] }));
    const run = { ...makeRun(rest), jobs: [...first, ...makeRun(rest).jobs] };
    const moment = { model: startModel(run), nowMs: 0, elapsedMs: 0, lastLines: new Map(), tick: 0 };
    const text = (rows: number) =>
      layOut({ ...moment, widths: { key: 6, role: 2 } }, { columns: 80, rows }).map((line) =>
        paint(line, new PassThrough(), 80),
      );
    expect(text(24).at(-1)).toBe("  … and 95 more waiting");
    expect(text(24)).toHaveLength(11);
    expect(text(6).slice(3)).toEqual(["○ first   BE  next", "  … and 99 more waiting"]);
    expect(text(5).slice(3)).toEqual(["  100 waiting"]);
    expect(text(4)).toHaveLength(3);
  });
});

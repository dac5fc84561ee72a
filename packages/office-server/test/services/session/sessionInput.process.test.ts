import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { outputPath } from "../../../src/services/session/host/records.ts";
import { setup } from "./sessionWorld.ts";

describe("what a session is given", () => {
  test("arguments and stdin arrive as values, never as shell text", async () => {
    const title = 'it\'s "quoted" $(touch hacked) `id`\n{{prompt}} \\';
    const { run, folder } = setup();
    const { output } = await run({ command: ["printf", "<%s>", "{{title}}", "a b"], stdin: "" }, { title });
    expect(output()).toBe(`<${title}><a b>`);
    expect((await run({ command: ["cat"], stdin: "{{title}}" }, { title })).output()).toBe(title);
    expect(readdirSync(folder)).toEqual(["sessions"]);
  });

  test("a megabyte of stdin", async () => {
    const { run } = setup();
    const prompt = "x".repeat(1024 * 1024);
    expect((await run({ command: ["wc", "-c"], stdin: "{{prompt}}" }, { prompt })).output().trim()).toBe("1048576");
  });

  test("stdin that nobody reads harms nothing", async () => {
    const { run } = setup();
    expect((await run({ command: ["true"], stdin: "x".repeat(1024 * 1024) })).outcome).toEqual({ kind: "finished" });
  });

  test("without stdin there is nothing to read", async () => {
    const { run } = setup();
    expect((await run({ command: ["cat"] })).outcome).toEqual({ kind: "finished" });
  });

  test("an environment without secrets", async () => {
    const secrets = { DATABASE_URL: "secret", OFFICE_TOKEN: "secret", SLACK_WEBHOOK_URL: "secret", AWS_KEY: "secret" };
    const environment = {
      ...secrets,
      PATH: process.env["PATH"],
      SESSION_ENV: "DATABASE_URL,GREETING",
      GREETING: "hello",
    };
    const { run } = setup({ environment });
    const { output, executionId } = await run({ run: "env; tr '\\0' '\\n' </proc/$PPID/environ", env: { CI: "1" } });
    expect(output()).not.toContain("secret");
    expect(output().split("\n")).toEqual(
      expect.arrayContaining(["GREETING=hello", "CI=1", `EXECUTION_ID=${executionId}`]),
    );
  });

  test("files that only their owner may read", async () => {
    const { run } = setup();
    const { directory } = await run({ run: "echo secret", stdin: "secret" });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const files = readdirSync(directory);
    expect(files.toSorted()).toEqual(["exit.json", "host.json", "output.log", "spec.json", "stdin.txt"]);
    for (const file of files) expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
  });
});

describe("what a session puts out", () => {
  test("stdout and stderr, in the order in which they were written", async () => {
    const { run } = setup();
    const lines = Array.from({ length: 200 }, (_, index) => `echo ${index}${index % 2 === 0 ? "" : " >&2"}`);
    expect((await run({ run: lines.join("\n") })).output()).toBe(`${[...lines.keys()].join("\n")}\n`);
  });

  test("through /dev/stdout and /dev/stderr as well", async () => {
    const { run } = setup();
    expect((await run({ run: "echo out >/dev/stdout; echo err >/dev/stderr" })).output()).toBe("out\nerr\n");
  });

  test("binary, and without a newline at the end", async () => {
    const { run } = setup();
    const { directory } = await run({ run: "printf 'a\\000\\377\\012b'" });
    expect(readFileSync(outputPath(directory))).toEqual(Buffer.from([0x61, 0, 0xff, 0x0a, 0x62]));
  });

  test("all that was in the pipe when the program ended", async () => {
    const { run } = setup();
    const { directory } = await run({ run: "head -c 3000000 /dev/zero" });
    expect(statSync(outputPath(directory)).size).toBe(3_000_000);
  });

  test("of very much, its head and its tail", async () => {
    const { run } = setup({ outputLimits: { headBytes: 10_000, tailBytes: 10_000 } });
    const { output } = await run({ run: "seq 1 200000; echo the end" });
    expect(output().length).toBeLessThan(31_000);
    expect(output().startsWith("1\n2\n3\n")).toBe(true);
    expect(output()).toMatch(/\n\[\.\.\. \d+ bytes left out \.\.\.\]\n/);
    expect(output().endsWith("199999\n200000\nthe end\n")).toBe(true);
  });
});

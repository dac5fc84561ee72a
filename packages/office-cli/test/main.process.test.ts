import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");

function office(args: string[], environment: Record<string, string> = {}) {
  const env = { PATH: process.env["PATH"], ...environment };
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", env });
}

const COMMANDS =
  "run check up api worker migrate submit jobs show logs cancel retry priority timeout assign stats events config " +
  "offices pause resume archive process keys webhooks completion help";

test.each([["--help"], ["help"]])("%s names every command, the environment and the exit codes", (word) => {
  const { status, stdout, stderr } = office([word]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const command of COMMANDS.split(" ")) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  for (const name of ["DATABASE_URL", "OFFICE_HOME", "OFFICE_URL", "OFFICE_TOKEN", "PORT", "LOG_LEVEL"]) {
    expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  }
  expect(stdout).toContain("Exit codes:");
  expect(stdout).not.toContain("(default: false)");
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThan(100);
});

test.each(["run", "check", "migrate", "up", "jobs", "logs", "config"])("%s --help explains the command", (command) => {
  const { status, stdout } = office([command, "--help"]);
  expect(status).toBe(0);
  expect(stdout).toContain(`Usage: office ${command}`);
  expect(office(["help", command]).stdout).toBe(stdout);
});

test.each([
  ["webhooks", "add", "--help"],
  ["keys", "create", "--help"],
])("%s %s explains itself", (...args) => {
  expect(office(args)).toMatchObject({ status: 0, stderr: "" });
});

test("help needs nothing but the list of commands: neither schemas nor a database's driver are loaded", () => {
  const program = `
    const { registerHooks } = await import("node:module");
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    process.argv = [process.argv[0], "office", "--help"];
    process.stdout.write = () => true;
    process.on("exit", () => process.stderr.write(loaded.join("\\n")));
    await import(${JSON.stringify(main)});`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  const others = stderr.split("\n").filter((url) => !/^node:|\/office-cli\/|\/node_modules\/commander\//.test(url));
  expect(stderr).toContain("/program/program.ts");
  expect(others).toEqual([]);
});

test.each(["bash", "zsh", "fish"])("completion for %s is a script, and evaluates nothing that was typed", (shell) => {
  const { status, stdout } = office(["completion", shell]);
  expect(status).toBe(0);
  expect(stdout).toContain("complete --");
  expect(stdout).not.toContain("eval");
});

test("bash completes commands, and takes what was typed for words", () => {
  const launcher = join(import.meta.dirname, "../../../office");
  const complete = (...words: string[]): string => {
    const script = `eval "$("$1" completion bash)"
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _office_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync("bash", ["-c", script, "bash", launcher, ...words], { encoding: "utf8" }).stdout;
  };
  expect(complete("che")).toBe("check\n");
  expect(complete("jobs", "--status", "=", "pro")).toBe("processing\n");
  expect(complete("config", "maxR")).toBe("maxRetries=\n");
  expect(complete("$(exit 3)", "`exit 3`", "")).toBe("\n");
});

test("--version", () => {
  expect(office(["--version"])).toMatchObject({ status: 0, stdout: "0.1.0\n", stderr: "" });
});

describe("wrong usage ends with 2 and says what is wrong", () => {
  test.each([
    ["an unknown command", ["rum", "plan.yaml"], "Did you mean run?"],
    ["an unknown option", ["run", "plan.yaml", "--jsn"], "Did you mean --json?"],
    ["no plan", ["run"], "missing required argument 'plan'"],
    ["too much", ["check", "a.yaml", "b.yaml"], "too many arguments"],
    ["no number", ["up", "--workers", "many"], "It must be a whole number from 0 to 64."],
    ["no shell", ["completion", "tcsh"], "completion is for bash, zsh, fish"],
    ["no command", [], "Usage: office"],
  ])("%s", (_, args, message) => {
    const { status, stdout, stderr } = office(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("a wrong environment", () => {
    const { status, stderr } = office(["migrate"], { TICK_INTERVAL_MS: "soon" });
    expect(status).toBe(2);
    expect(stderr).toContain('TICK_INTERVAL_MS is "soon"');
  });
});

describe("an error that nobody expected", () => {
  // Port 1 is a privileged port that nothing listens on.
  const DATABASE_URL = "postgres://me:secret@127.0.0.1:1/office";

  test("is one line, without passwords, and ends with 1", () => {
    const { status, stderr } = office(["migrate"], { DATABASE_URL });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^office: DATABASE_URL postgres:\/\/me:\*\*\*@.* takes no connection: .*ECONNREFUSED.*\n$/);
  });

  test("shows where it came from with LOG_LEVEL=debug", () => {
    const { stderr } = office(["migrate"], { DATABASE_URL, LOG_LEVEL: "debug" });
    expect(stderr).toContain("    at ");
  });
});

test("a reader that goes away is no error", () => {
  const command = `"${process.execPath}" "${main}" --help | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", command], { encoding: "utf8" });
  expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" });
});

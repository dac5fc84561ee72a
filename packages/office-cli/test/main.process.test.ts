import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");

function office(args: string[], environment: Record<string, string> = {}) {
  const env = { PATH: process.env["PATH"], ...environment };
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", env });
}

test("--help names every command, its environment and its exit codes", () => {
  const { status, stdout, stderr } = office(["--help"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const word of [
    "run",
    "check",
    "migrate",
    "DATABASE_URL",
    "OFFICE_HOME",
    "LOG_LEVEL",
    "Exit codes",
    "Examples",
  ]) {
    expect(stdout).toContain(word);
  }
});

test.each(["run", "check", "migrate"])("%s --help explains the command", (command) => {
  const { status, stdout } = office([command, "--help"]);
  expect(status).toBe(0);
  expect(stdout).toContain(`Usage: office ${command}`);
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

import { ApiError } from "office-contract/api/client.ts";
import type { Problem } from "office-contract/api/problems.ts";
import { ConfigError } from "office-server/platform/config.ts";
import { afterEach, describe, expect, test, vi } from "vitest";
import { UnreachableError } from "../src/api/connect.ts";
import { explainFailure } from "../src/failure.ts";
import { UsageError } from "../src/usageError.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const refusal = (code: Problem["code"], status: number, detail: string, more: Partial<Problem> = {}): ApiError =>
  new ApiError({ type: "x", title: "x", status, detail, code, ...more });

describe("a refusal of the API", () => {
  test("is told in its own words", () => {
    expect(explainFailure(refusal("job_is_final", 409, "job build has ended"))).toEqual({
      lines: ["job build has ended"],
      exitCode: 1,
    });
  });

  test.each(["not_found", "invalid_request", "invalid_graph"] as const)(
    "ends with 2 where the user was wrong: %s",
    (code) => {
      expect(explainFailure(refusal(code, 400, "no")).exitCode).toBe(2);
    },
  );

  test("names each field that is wrong, and one field once", () => {
    const [one, other] = [
      { field: "body.jobs[0].timeout", message: "must be a time" },
      { field: "body.jobs[1].run", message: "must not be empty" },
    ] as const;
    const detail = "body.jobs[0].timeout must be a time";
    expect(explainFailure(refusal("invalid_request", 400, detail, { errors: [one] })).lines).toEqual([detail]);
    expect(
      explainFailure(refusal("invalid_request", 400, `${detail} (and 1 more)`, { errors: [one, other] })).lines,
    ).toEqual([
      `${detail} (and 1 more)`,
      "  body.jobs[0].timeout: must be a time",
      "  body.jobs[1].run: must not be empty",
    ]);
  });

  test("of a key says where that was found, and never the key", () => {
    vi.stubEnv("OFFICE_TOKEN", "ofk_secret");
    const { lines, exitCode } = explainFailure(refusal("unauthorized", 401, "the key is unknown"));
    expect(lines.join()).toContain("does not take the key in OFFICE_TOKEN");
    expect(lines.join()).not.toContain("secret");
    expect(exitCode).toBe(1);
  });

  test("for want of a key says where one was looked for", () => {
    vi.stubEnv("OFFICE_TOKEN", "");
    vi.stubEnv("OFFICE_HOME", "/nowhere");
    const [line] = explainFailure(refusal("unauthorized", 401, "no")).lines;
    expect(line).toContain("none was found (OFFICE_TOKEN is not set, and /nowhere/token is not there)");
  });

  test("of a shell line says how to let it in", () => {
    vi.stubEnv("OFFICE_COMMAND", "./office");
    expect(explainFailure(refusal("shell_not_allowed", 403, "no shell")).lines.join()).toContain(
      "`./office up --allow-run`",
    );
  });

  test("cannot steer the terminal", () => {
    expect(explainFailure(refusal("conflict", 409, "a\u001B[2Jb")).lines).toEqual(["ab"]);
  });
});

test("an API that does not answer is to be started, or to be looked for elsewhere", () => {
  const error = new UnreachableError(
    "http://127.0.0.1:3001",
    new TypeError("fetch failed", { cause: new Error("refused") }),
  );
  expect(explainFailure(error)).toEqual({
    lines: [
      "nothing answers at http://127.0.0.1:3001 (refused): start it with `office up`, or set OFFICE_URL to where it runs",
    ],
    exitCode: 1,
  });
});

test.each([
  [new UsageError("no such job"), { lines: ["no such job"], exitCode: 2 }],
  [new ConfigError("PORT is\nHOST is"), { lines: ["PORT is", "HOST is"], exitCode: 2 }],
  [new Error("postgres://me:secret@db broke"), { lines: ["postgres://me:***@db broke"], exitCode: 1 }],
  ["a text", { lines: ["a text"], exitCode: 1 }],
])("%s", (error, failure) => {
  expect(explainFailure(error)).toEqual(failure);
});

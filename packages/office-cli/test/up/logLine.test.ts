import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { paint } from "../../src/line.ts";
import { logLine } from "../../src/up/logLine.ts";

const show = (name: string, text: string): string => paint(logLine(name, text, 8), new PassThrough());
const entry = (fields: Record<string, unknown>): string =>
  JSON.stringify({ level: 30, time: new Date(2026, 0, 15, 12, 3, 4).toISOString(), component: "api", ...fields });

describe("a line of a process's log", () => {
  test("says when, who and what", () => {
    expect(show("api", entry({ msg: "ready", url: "http://127.0.0.1:3001" }))).toBe(
      "12:03:04 api       ready url=http://127.0.0.1:3001",
    );
    expect(show("worker 2", entry({ msg: "stopped", worker: "vm/1/2/3", jobs: [1] }))).toBe(
      "12:03:04 worker 2  stopped jobs=[1]",
    );
  });

  test("is short about a request", () => {
    const fields = {
      msg: "request completed",
      req: { id: "x", method: "GET", url: "/api/offices" },
      res: { status: 404 },
      responseTime: 3.4,
    };
    expect(show("api", entry(fields))).toBe("12:03:04 api       GET /api/offices 404 in 3 ms");
  });

  test("names an error", () => {
    expect(show("api", entry({ level: 50, msg: "it broke", err: { message: "no disk", stack: "at …" } }))).toBe(
      "12:03:04 api       it broke no disk",
    );
  });

  test.each(["OFFICE_HOME cannot be /x", '{"half', "{}", "[1]"])("that is none stays whole: %s", (text) => {
    expect(show("api", text)).toBe(`         api       ${text}`);
  });

  test("cannot steer the terminal", () => {
    expect(show("api", entry({ msg: "a\u001B[2Jb\nc" }))).toBe("12:03:04 api       ab c");
  });
});

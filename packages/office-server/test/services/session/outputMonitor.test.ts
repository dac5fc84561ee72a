import { describe, expect, test } from "vitest";
import type { ExitRecord } from "../../../src/services/session/host/records.ts";
import { LINE_BYTES_MAX, LineSplitter } from "../../../src/services/session/lineSplitter.ts";
import { formatOf, OutputMonitor } from "../../../src/services/session/OutputMonitor.ts";

const claude = ["claude", "-p", "--output-format", "stream-json", "--verbose"];
const at = "2026-01-01T00:00:00.000Z";

const exit = (overrides: Partial<ExitRecord> = {}): ExitRecord => ({
  exitCode: 0,
  signal: null,
  stopCause: null,
  startError: null,
  startedAt: at,
  endedAt: at,
  durationMs: 0,
  ...overrides,
});

const resultLine = (record: object): string => JSON.stringify({ type: "result", subtype: "success", ...record });

function judged(command: string[], output: string, ended: Partial<ExitRecord> = {}) {
  const monitor = new OutputMonitor(command);
  monitor.push(Buffer.from(output));
  return monitor.outcome(exit(ended));
}

describe("any program", () => {
  test("exit code 0 is finished, whatever it printed", () => {
    expect(judged(["make"], 'Error: FAILED\nfatal\n{"type":"result","is_error":true}\n')).toEqual({ kind: "finished" });
  });

  test("any other exit code is a failure", () => {
    expect(judged(["make"], "all good\n", { exitCode: 3 })).toEqual({
      kind: "failed",
      errorClass: "EXIT_CODE",
      message: "exited with code 3",
      exitCode: 3,
    });
  });

  test("a signal that was not ours", () => {
    expect(judged(["make"], "", { exitCode: null, signal: "SIGSEGV" })).toEqual({
      kind: "signalled",
      signal: "SIGSEGV",
    });
  });

  test.each(["timeout", "cancelled", "interrupted"] as const)("stopped by us (%s), whatever it did then", (cause) => {
    const stopped = { kind: "stopped", cause };
    expect(judged(["make"], "", { stopCause: cause, exitCode: 0 })).toEqual(stopped);
    expect(judged(claude, resultLine({}), { stopCause: cause, exitCode: 1 })).toEqual(stopped);
    expect(judged(["make"], "", { stopCause: cause, exitCode: null, signal: "SIGKILL" })).toEqual(stopped);
  });

  test("a start that cannot work is the job's fault, a start that could is a crash", () => {
    const startError = { message: "command not found: foo", temporary: false };
    expect(judged(["foo"], "", { exitCode: null, startError })).toEqual({
      kind: "failed",
      errorClass: "INVALID_JOB",
      message: "command not found: foo",
      exitCode: null,
    });
    expect(judged(["foo"], "", { exitCode: null, startError: { ...startError, temporary: true } }).kind).toBe(
      "crashed",
    );
  });
});

describe("claude stream-json", () => {
  test("is known by its arguments", () => {
    expect(formatOf(claude).name).toBe("claude stream-json");
    expect(formatOf(["npx", "claude", "-p", "--output-format=stream-json"]).name).toBe("claude stream-json");
    expect(formatOf(["claude", "-p"]).name).toBe("plain");
  });

  test("a success carries its result", () => {
    const output = `{"type":"system"}\n${resultLine({ result: "Done.", num_turns: 3, total_cost_usd: 0.25, session_id: "s" })}\n`;
    expect(judged(claude, output)).toEqual({
      kind: "finished",
      result: { text: "Done.", num_turns: 3, total_cost_usd: 0.25, session_id: "s" },
    });
  });

  test("the last result counts, also without a newline and behind a piece of stderr", () => {
    const output = `${resultLine({ is_error: true })}\nwarning: ${resultLine({ result: "Done." })}`;
    expect(judged(claude, output)).toMatchObject({ kind: "finished", result: { text: "Done." } });
  });

  test.each([
    [{ is_error: true, result: 'API Error: 529 {"type":"error"}' }, "RATE_LIMITED"],
    [{ is_error: true, result: "API Error: 429 Too many requests" }, "RATE_LIMITED"],
    [{ is_error: true, result: "API Error (429 {...})" }, "RATE_LIMITED"],
    [{ is_error: true, result: "API Error: 503 unavailable" }, "NETWORK_ERROR"],
    [{ is_error: true, result: "API Error: Connection error." }, "NETWORK_ERROR"],
    [{ is_error: true, result: "API Error: 401 invalid x-api-key" }, "PERMISSION_DENIED"],
    [{ is_error: true, result: "API Error: 400 prompt is too long" }, "EXIT_CODE"],
    [{ is_error: true, result: "I met an overloaded server, 429" }, "EXIT_CODE"],
    [{ subtype: "error_max_turns" }, "EXIT_CODE"],
    [{ subtype: "error_during_execution", is_error: true }, "EXIT_CODE"],
  ] as const)("%j with exit code 0 is a failure: %s", (record, errorClass) => {
    expect(judged(claude, `${resultLine(record)}\n`)).toMatchObject({ kind: "failed", errorClass, exitCode: 0 });
  });

  test("an agent that says that it succeeded does not outvote its exit code", () => {
    expect(judged(claude, resultLine({ result: "Done." }), { exitCode: 1 })).toMatchObject({ errorClass: "EXIT_CODE" });
  });

  test.each([
    ["no result at all", '{"type":"assistant","text":"Error"}\n'],
    ["a result that was cut", '{"type":"result","subtype":"succ'],
    ["no object", '"type":"result"'],
    ["binary", "\u0000\ufffd\n\n\n"],
  ])("%s leaves it to the exit code", (_name, output) => {
    expect(judged(claude, output)).toEqual({ kind: "finished" });
    expect(judged(claude, output, { exitCode: 1 })).toMatchObject({ errorClass: "EXIT_CODE" });
  });
});

describe("lines", () => {
  function linesOf(pieces: Uint8Array[]): string[] {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (const piece of pieces) splitter.push(piece);
    splitter.end();
    return lines;
  }

  test("come out the same, whatever the pieces", () => {
    const bytes = Buffer.from("first\n\nzweite Zeile: äöü\nlast");
    const expected = ["first", "", "zweite Zeile: äöü", "last"];
    expect(linesOf([bytes])).toEqual(expected);
    expect(linesOf([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  test("that are too long are dropped, and the next one is not", () => {
    const long = Buffer.alloc(LINE_BYTES_MAX / 2 + 1, "x");
    expect(linesOf([Buffer.from("a\n"), long, long, Buffer.from("\nb\n")])).toEqual(["a", "b"]);
  });
});

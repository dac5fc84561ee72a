import { PassThrough } from "node:stream";
import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { paint, styled } from "../src/line.ts";
import { type Column, factLines, tableLines } from "../src/table.ts";

interface Row {
  key: string;
  tries: string;
  id: string;
  note: string;
}

const columns: Column<Row>[] = [
  { title: "KEY", cell: ({ key }) => key, widthMin: 6 },
  { title: "TRY", cell: ({ tries }) => tries, alignRight: true },
  { title: "ID", cell: ({ id }) => id, optional: true },
  { title: "NOTE", cell: ({ note }) => styled("red", note), widthMin: 8 },
];

const rows: Row[] = [
  { key: "build", tries: "1", id: "id-of-build", note: "exit code 1" },
  { key: "日本語", tries: "12", id: "id-of-test", note: "" },
];

/** As it is written to something without colours. */
const text = (lines: ReturnType<typeof tableLines>): string[] => lines.map((line) => paint(line, new PassThrough()));

describe("a table", () => {
  test("is aligned by what its cells take on a terminal, and no line ends in blanks", () => {
    expect(text(tableLines(rows, columns, Infinity))).toEqual([
      "KEY     TRY  ID           NOTE",
      "build     1  id-of-build  exit code 1",
      "日本語   12  id-of-test",
    ]);
  });

  test("leaves out what is optional before it cuts anything", () => {
    expect(text(tableLines(rows, columns, 30))).toEqual([
      "KEY     TRY  NOTE",
      "build     1  exit code 1",
      "日本語   12",
    ]);
  });

  test("cuts the widest columns down to what they need at least", () => {
    const [, build] = text(tableLines(rows, columns, 23));
    expect(build).toBe("build     1  exit code…".slice(0, 22) + "…");
    const long = [{ ...rows[0], key: "a-very-long-key-indeed", note: "a very long note indeed" } as Row];
    expect(text(tableLines(long, columns, 10))[1]).toBe("a-ver…    1  a very …");
  });

  test("has titles alone where there are no rows", () => {
    expect(text(tableLines([], columns, 80))).toEqual(["KEY  TRY  ID  NOTE"]);
  });

  test("is never wider than the terminal, if its columns can be cut to that", () => {
    const anyRow = fc.record({
      key: fc.string(),
      tries: fc.nat(999).map(String),
      id: fc.string(),
      note: fc.string({ unit: "grapheme" }),
    });
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 5 }), fc.integer({ min: 24, max: 200 }), (some, width) => {
        for (const line of text(tableLines(some, columns, width))) expect(stringWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

test("facts stand beside their names", () => {
  expect(
    text(
      factLines([
        ["id", ["x"]],
        ["status", ["done"]],
      ]),
    ),
  ).toEqual(["id      x", "status  done"]);
});

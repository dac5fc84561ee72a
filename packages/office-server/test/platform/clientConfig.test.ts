import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandName, readClientConfig } from "../../src/platform/clientConfig.ts";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "office-client-"));
});
afterAll(() => rmSync(home, { recursive: true }));

describe("where the API is", () => {
  test.each([
    [{}, "http://127.0.0.1:3001"],
    [{ OFFICE_URL: "" }, "http://127.0.0.1:3001"],
    [{ PORT: "4000" }, "http://127.0.0.1:4000"],
    [{ OFFICE_URL: "https://office.example.com/" }, "https://office.example.com"],
    [{ OFFICE_URL: "https://example.com/office/api/" }, "https://example.com/office"],
  ])("%o", (environment, url) => {
    expect(readClientConfig(environment).url).toBe(url);
  });

  test.each(["office.example.com", "ftp://example.com", "http://me:secret@example.com", "http://"])(
    "not at %s",
    (url) => {
      expect(() => readClientConfig({ OFFICE_URL: url })).toThrow(/^OFFICE_URL is "[^"]*"; it must be an address like/);
      expect(() => readClientConfig({ OFFICE_URL: url })).not.toThrow("secret");
    },
  );
});

describe("the key", () => {
  test("is the one of OFFICE_TOKEN", () => {
    const config = readClientConfig({ OFFICE_TOKEN: " ofk_abc\n", OFFICE_HOME: home });
    expect(config).toMatchObject({ token: "ofk_abc", tokenOrigin: "in OFFICE_TOKEN" });
  });

  test("is else the one in the office home", () => {
    writeFileSync(join(home, "token"), "ofk_file\n");
    const config = readClientConfig({ OFFICE_HOME: home });
    expect(config).toMatchObject({ token: "ofk_file", tokenOrigin: `in ${join(home, "token")}` });
    rmSync(join(home, "token"));
  });

  test("is else none, and where it was looked for is told", () => {
    const { token, tokenOrigin } = readClientConfig({ OFFICE_HOME: home });
    expect(token).toBe("");
    expect(tokenOrigin).toBe(`(OFFICE_TOKEN is not set, and ${join(home, "token")} is not there)`);
  });

  test("that may not be read is none", () => {
    writeFileSync(join(home, "token"), "ofk_file\n");
    chmodSync(join(home, "token"), 0o000);
    const { tokenOrigin } = readClientConfig({ OFFICE_HOME: home });
    // Root may read everything.
    expect(tokenOrigin).toMatch(process.getuid?.() === 0 ? /^in / : /may not be read/);
    rmSync(join(home, "token"));
  });

  test("with what no header takes is refused, and not repeated", () => {
    expect(() => readClientConfig({ OFFICE_TOKEN: "my secret" })).toThrow(
      "OFFICE_TOKEN holds something that is no key",
    );
    expect(() => readClientConfig({ OFFICE_TOKEN: "my secret" })).not.toThrow("my secret");
  });
});

test("the office that is meant, and what the user typed, where they are told", () => {
  expect(readClientConfig({ OFFICE: "website" }).office).toBe("website");
  expect(readClientConfig({ OFFICE: "" }).office).toBeNull();
  expect(commandName({ OFFICE_COMMAND: "./office" })).toBe("./office");
  expect(commandName({})).toBe("office");
});

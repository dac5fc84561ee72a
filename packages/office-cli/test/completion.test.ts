import { describe, expect, test } from "vitest";
import { complete } from "../src/completion/candidates.ts";
import { officeProgram } from "../src/program/program.ts";

const program = officeProgram();

const words = (...typed: string[]): string[] | null => {
  const completion = complete(program, typed);
  return completion.kind === "words" ? completion.words.map(({ word }) => word) : null;
};

describe("words that may follow", () => {
  test("are commands, and none that is hidden", () => {
    expect(words("")).toEqual(expect.arrayContaining(["run", "up", "jobs", "help", "completion"]));
    expect(words("")).not.toContain("complete");
    expect(words("ar")).toEqual(["archive"]);
    expect(words("keys", "")).toEqual(["create", "revoke"]);
  });

  test("are the options of the command", () => {
    expect(words("run", "--")).toEqual(["--json", "--resume", "--help"]);
    expect(words("webhooks", "add", "--ex")).toEqual(["--execution-tokens"]);
    expect(words("run", "plan.yaml", "--re")).toEqual(["--resume"]);
  });

  test("are none where nothing is known", () => {
    expect(words("priority", "build", "")).toEqual([]);
    expect(words("logs", "--tail", "")).toEqual([]);
    expect(words("keys", "create", "")).toEqual([]);
  });
});

describe("things that may follow", () => {
  test.each<[string[], string, string]>([
    [["run", "pl"], "files", "pl"],
    [["submit", "-o", "web", "pl"], "files", "pl"],
    [["logs", "-f", ""], "jobs", ""],
    [["cancel", "a", "b", "c"], "jobs", "c"],
    [["pause", "we"], "offices", "we"],
    [["jobs", "--status", "fa"], "states", "fa"],
    [["jobs", "-s", "fa"], "states", "fa"],
    [["config", "maxRetries=1", "max"], "settings", "max"],
    [["completion", ""], "shells", ""],
    [["help", "jo"], "commands", "jo"],
    [["keys", "revoke", ""], "keys", ""],
  ])("%s", (typed, subject, prefix) => {
    expect(complete(program, typed)).toMatchObject({ kind: "subject", subject, prefix, lead: "" });
  });

  test("are those of the office that was named", () => {
    expect(complete(program, ["logs", "-o", "website", ""])).toMatchObject({ subject: "jobs", office: "website" });
    expect(complete(program, ["logs", "--office=website", ""])).toMatchObject({ subject: "jobs", office: "website" });
    expect(complete(program, ["logs", "--office", "=", "website", ""])).toMatchObject({ office: "website" });
  });

  test("are found behind a sign of equality, in one word or in three", () => {
    expect(complete(program, ["jobs", "--office=we"])).toMatchObject({
      subject: "offices",
      prefix: "we",
      lead: "--office=",
    });
    expect(complete(program, ["jobs", "--office", "="])).toMatchObject({ subject: "offices", prefix: "", lead: "" });
    expect(complete(program, ["jobs", "--office", "=", "we"])).toMatchObject({
      subject: "offices",
      prefix: "we",
      lead: "",
    });
  });
});

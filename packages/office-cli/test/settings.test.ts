import { DEFAULT_CONFIG } from "office-contract/config.ts";
import { describe, expect, test } from "vitest";
import { readSettings, settingWords } from "../src/settings.ts";

const current = { ...DEFAULT_CONFIG, maxConcurrentByRole: { QA: 1 } };
const read = (...words: string[]) => readSettings(words, current);

describe("settings on a command line", () => {
  test.each<[string, Record<string, unknown>]>([
    ["maxConcurrentJobs=5", { maxConcurrentJobs: 5 }],
    ["defaultTimeout=1h30m", { defaultTimeout: 5_400_000 }],
    ["defaultTimeout=5000", { defaultTimeout: 5_000 }],
    ["retryBaseDelay=0s", { retryBaseDelay: 0 }],
    ["retryJitter=true", { retryJitter: true }],
    ["retryBackoff=linear", { retryBackoff: "linear" }],
    ['maxConcurrentByRole={"BE":2}', { maxConcurrentByRole: { BE: 2 } }],
    ["maxConcurrentByRole.BE=2", { maxConcurrentByRole: { QA: 1, BE: 2 } }],
    ["maxConcurrentByRole.QA=", { maxConcurrentByRole: {} }],
    ["maxConcurrentByRole.a.b=2", { maxConcurrentByRole: { QA: 1, "a.b": 2 } }],
    ['timeoutByRole={"QA":"2h"}', { timeoutByRole: { QA: 7_200_000 } }],
  ])("%s", (word, patch) => {
    expect(read(word)).toEqual(patch);
  });

  test("are put together", () => {
    expect(read("maxConcurrentByRole.BE=2", "maxConcurrentByRole.FE=3", "maxRetries=0")).toEqual({
      maxConcurrentByRole: { QA: 1, BE: 2, FE: 3 },
      maxRetries: 0,
    });
  });

  test.each([
    ["maxConcurrentJobs", '"maxConcurrentJobs" changes nothing: write KEY=VALUE'],
    ["=5", '"=5" changes nothing'],
    ["maxConcurentJobs=5", 'there is no setting "maxConcurentJobs" (did you mean "maxConcurrentJobs"?)'],
    ["maxConcurrentJobs=0", "maxConcurrentJobs must be 1 or more"],
    ["maxConcurrentJobs=many", "maxConcurrentJobs must be a whole number"],
    ["maxConcurrentJobs.BE=1", "maxConcurrentJobs has one value, and none by role"],
    ["maxConcurrentByRole.BE=0", "maxConcurrentByRole.BE must be 1 or more"],
    ["maxConcurrentByRole={BE:1}", "is not valid JSON"],
    ["defaultTimeout=soon", "defaultTimeout must be a time above 0 such as"],
    ["retryBackoff=random", "retryBackoff must be exponential or linear"],
  ])("%s is refused", (word, message) => {
    expect(() => read(word)).toThrow(message);
  });

  test("that are wrong are all named, a line each", () => {
    expect(() => read("maxConcurrentJobs=0", "retryBackoff=x")).toThrow(/^maxConcurrentJobs.*\nretryBackoff.*$/);
  });
});

test("what is shown can be written back", () => {
  const words = settingWords(current).map(([name, value]) => `${name}=${value}`);
  expect(words).toContain("maxConcurrentByRole.QA=1");
  expect(words).toContain("timeoutByRole.QA=45m");
  expect(words).toContain("retryMaxDelay=1h");
  expect(readSettings(words, { ...DEFAULT_CONFIG })).toEqual(current);
});

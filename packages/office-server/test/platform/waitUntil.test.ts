import { expect, test } from "vitest";
import { waitUntil } from "../../src/platform/waitUntil.ts";

test("asks until there is an answer", async () => {
  const answers = [null, null, "here"];
  expect(await waitUntil(() => answers.shift() ?? null, { everyMs: 1, timeoutMs: 60_000 })).toBe("here");
  expect(answers).toEqual([]);
});

test("asks once when there is no time, and says that there was no answer", async () => {
  let asked = 0;
  const probe = (): null => {
    asked += 1;
    return null;
  };
  expect(await waitUntil(probe, { everyMs: 1, timeoutMs: 0 })).toBeNull();
  expect(asked).toBe(1);
});

test("passes errors on", async () => {
  await expect(waitUntil(() => Promise.reject(new Error("broken")), { everyMs: 1, timeoutMs: 10 })).rejects.toThrow(
    "broken",
  );
});

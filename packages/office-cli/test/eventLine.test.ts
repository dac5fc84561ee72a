import { PassThrough } from "node:stream";
import type { JobEvent } from "office-contract/events.ts";
import { expect, test } from "vitest";
import { describeEvent } from "../src/eventLine.ts";
import { paint } from "../src/line.ts";
import { makeEvents, makeRun } from "./run/factories.ts";

const makeEvent = makeEvents(makeRun([{ key: "build", role: "FE" }]));
const show = (event: JobEvent): string => paint(describeEvent({ ...event, seq: 7 }), new PassThrough());

test.each<[Parameters<typeof makeEvent>[1], Parameters<typeof makeEvent>[3], string]>([
  ["job_created", {}, "created (FE)"],
  ["job_ready", {}, "ready"],
  ["job_started", { attempt: 1 }, "started (FE)"],
  ["job_started", { attempt: 2 }, "started (FE) (attempt 2)"],
  ["job_completed", { attempt: 1 }, "done"],
  [
    "job_failed",
    { attempt: 1, error_class: "EXIT_CODE", message: "exited with code 1" },
    "failed: EXIT_CODE exited with code 1",
  ],
  ["job_timeout", { attempt: 3, error_class: "TIMEOUT" }, "timed out (attempt 3): TIMEOUT"],
  ["job_cancelled", { message: "by hand" }, "cancelled: by hand"],
  ["job_retrying", { retry_delay_ms: 60_000 }, "to run again in 60 s"],
  ["job_priority_changed", { from: 0, to: -5 }, "has priority -5"],
  ["job_handed_over", {}, "handed over to FE"],
])("%s", (type, details, words) => {
  expect(show(makeEvent(5, type, "build", details))).toBe(`12:00:05     7 build ${words}`);
});

test("an event of a newer API is shown as well", () => {
  const event = { ...makeEvent(5, "job_ready", "build"), type: "job_put_aside" as JobEvent["type"] };
  expect(show(event)).toBe("12:00:05     7 build put aside");
});

import { isFinal } from "office-contract/vocabulary.ts";
import { duration, wait } from "../durations.ts";
import { dim, type Line, styled } from "../line.ts";
import type { Change, RunJob } from "./model.ts";

const REASON_LENGTH_MAX = 300;

/** What happened to a job, in words; null for what is not worth a line. */
export const describeChange = (change: Change): Line | null => {
  const { event, after } = change;
  const attempt = after.attempt > 1 ? `attempt ${after.attempt}` : null;
  switch (event.type) {
    case "job_created":
    case "job_ready":
      return null;
    case "job_started":
      return [styled("cyan", "started"), inBrackets(after.role, attempt)];
    case "job_completed":
      return [styled("green", "done"), took("in", change), inBrackets(attempt)];
    case "job_failed":
      return [styled("red", "failed"), took("after", change), inBrackets(attempt), because(reasonOf(after))];
    case "job_timeout":
      return [styled("red", "timed out"), took("after", change), inBrackets(attempt)];
    case "job_cancelled":
      return [styled("yellow", "cancelled"), because(shortened(after.message))];
    case "job_retrying":
      return describeRetry(change);
    case "job_priority_changed":
      return ["priority changed"];
    case "job_handed_over":
      return [`handed over to ${after.role}`];
  }
};

const describeRetry = ({ event, before, after }: Change): Line => {
  const { retry_delay_ms: delayMs, retry, max_retries: retriesMax } = event.details;
  if (isFinal(before.state)) return [styled("yellow", "to run again"), ` (it was ${before.state})`];
  // It lost its worker, or was interrupted: that costs it no retry, and it need not wait.
  if (typeof delayMs !== "number") return [styled("yellow", "back in the queue"), because(shortened(after.message))];
  const isCounted = typeof retry === "number" && typeof retriesMax === "number";
  const nth = isCounted ? `${retry + 1} of ${retriesMax + 1}` : `attempt ${after.attempt + 1}`;
  return [styled("yellow", "retrying"), ` in ${wait(delayMs)}`, inBrackets(nth), because(reasonOf(after))];
};

/** Why a job is not done: the class of the error and what was said of it, in no more than a few lines. */
export const reasonOf = ({ errorClass, message }: RunJob): string | null =>
  shortened([errorClass, message].filter((word) => word !== null && word !== "").join(" "));

const shortened = (text: string | null): string | null =>
  text !== null && text.length > REASON_LENGTH_MAX ? `${text.slice(0, REASON_LENGTH_MAX)}…` : text;

const took = (word: "in" | "after", { before, after }: Change): string => {
  const isMeasured = before.state === "processing" && before.startedAtMs !== null && after.sinceMs !== null;
  return isMeasured ? ` ${word} ${duration(after.sinceMs - before.startedAtMs)}` : "";
};

const inBrackets = (...remarks: readonly (string | null)[]) => {
  const said = remarks.filter((remark) => remark !== null);
  return said.length === 0 ? "" : dim(` (${said.join(", ")})`);
};

const because = (reason: string | null): string => (reason === null || reason === "" ? "" : `: ${reason}`);

import type { JobEvent } from "office-contract/events.ts";
import { timeOfDay, wait } from "./durations.ts";
import { bold, dim, type Line, styled } from "./line.ts";

/** An event in a line, by itself: when, which, what happened to which job, and why. */
export const describeEvent = (event: JobEvent): Line => [
  dim(`${timeOfDay(new Date(event.timestamp))} ${String(event.seq).padStart(5)} `),
  bold(event.job_key ?? event.job_id),
  " ",
  ...whatHappened(event),
];

function whatHappened({ type, role, attempt, details }: JobEvent): Line {
  const reason = because(details);
  const times = attempt !== null && attempt > 1 ? dim(` (attempt ${attempt})`) : "";
  switch (type) {
    case "job_created":
      return [dim(`created (${role})`)];
    case "job_ready":
      return [styled("blue", "ready")];
    case "job_started":
      return [styled("cyan", "started"), dim(` (${role})`), times];
    case "job_completed":
      return [styled("green", "done"), times];
    case "job_failed":
      return [styled("red", "failed"), times, reason];
    case "job_timeout":
      return [styled("red", "timed out"), times, reason];
    case "job_cancelled":
      return [styled("yellow", "cancelled"), reason];
    case "job_retrying": {
      const { retry_delay_ms: delayMs } = details;
      return [styled("yellow", "to run again"), typeof delayMs === "number" ? ` in ${wait(delayMs)}` : "", reason];
    }
    case "job_priority_changed":
      return [typeof details["to"] === "number" ? `has priority ${details["to"]}` : "has another priority"];
    case "job_handed_over":
      return [`handed over to ${role}`];
    default:
      // Of an API that is newer than this program.
      return [String(type).replace(/^job_/, "").replaceAll("_", " ")];
  }
}

const because = ({ error_class: errorClass, message }: Record<string, unknown>): string => {
  const words = [errorClass, message].filter((word) => typeof word === "string" && word !== "");
  return words.length === 0 ? "" : `: ${words.join(" ")}`;
};

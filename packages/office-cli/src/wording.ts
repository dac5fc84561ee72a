import type { JobState } from "office-contract/vocabulary.ts";
import { ago } from "./durations.ts";
import { dim, type Span, styled } from "./line.ts";

/** A moment that the API names: how long ago it was for people, as it came for other programs. */
export type TimeWords = (timestamp: string | null) => string;

/** Words for moments, as seen from `nowMs`. What lies ahead, by a clock that is behind, is `now`. */
export const timeWords =
  (forPeople: boolean, nowMs: number): TimeWords =>
  (timestamp) => {
    if (timestamp === null) return "-";
    return forPeople ? ago(nowMs - Date.parse(timestamp)) : timestamp;
  };

/** A state of a job, an execution or an office, in its colour. */
export const stateWord = (state: string): Span => {
  switch (state) {
    case "processing":
    case "running":
      return styled("cyan", state);
    case "done":
    case "completed":
    case "active":
      return styled("green", state);
    case "failed":
    case "timeout":
    case "lost":
      return styled("red", state);
    case "cancelled":
    case "paused":
      return styled("yellow", state);
    case "ready":
      return styled("blue", state);
    default:
      return dim(state);
  }
};

interface JobMoments {
  status: JobState;
  created_at: string;
  ready_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  cancelled_at: string | null;
}

/** When a job came into the state that it is in. */
export const sinceOf = (job: JobMoments): string => {
  switch (job.status) {
    case "pending":
      return job.created_at;
    case "ready":
      return job.ready_at ?? job.created_at;
    case "processing":
      return job.started_at ?? job.created_at;
    case "done":
    case "failed":
    case "timeout":
      return job.completed_at ?? job.created_at;
    case "cancelled":
      return job.cancelled_at ?? job.completed_at ?? job.created_at;
  }
};

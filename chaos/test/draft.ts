import type { Call, History } from "../history/records.ts";
import { simulate } from "./simulator.ts";

/** A history that can be broken. */
type Writable<T> = {
  -readonly [Key in keyof T]: T[Key] extends ReadonlyMap<infer K, readonly (infer V)[]>
    ? Map<K, V[]>
    : T[Key] extends readonly (infer V)[]
      ? V[]
      : T[Key];
};
export type Draft = Writable<History>;

export const draftOf = (seed: number): Draft => structuredClone(simulate(seed)) as Draft;
export const logOf = ({ events }: Draft) => events.get("office") ?? [];

/** Changes the log, and what a follower saw of it alike; numbers stay without gaps. */
export function rewrite(draft: Draft, change: (log: ReturnType<typeof logOf>) => ReturnType<typeof logOf>): void {
  const log = change(logOf(draft)).map((event, index) => ({ ...event, seq: index + 1 }));
  draft.events.set("office", log);
  draft.followed.set("office", structuredClone(log));
}

export const call = (about: Partial<Call>): Call => ({
  kind: "call",
  client: "one",
  name: "",
  officeId: "office",
  invokedMs: 0,
  answeredMs: 1,
  outcome: "ok",
  request: {},
  answer: {},
  ...about,
});

/** What a job waits for first. */
export const dependencyOf = (draft: Draft, jobId: string): string | undefined =>
  (
    logOf(draft).find(({ type, job_id: id }) => type === "job_created" && id === jobId)?.details["depends_on"] as
      | string[]
      | undefined
  )?.[0];

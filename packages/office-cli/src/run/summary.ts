import { duration } from "../durations.ts";
import { bold, count, dim, type Line, padded, styled, widest } from "../line.ts";
import { badlyEnded, exitCodeOf, isAllDone, jobsIn, leftCount, type RunJob, type RunModel } from "./model.ts";
import { localOutput } from "./sessionOutput.ts";
import { reasonOf } from "./wording.ts";

/** How a run came to its end. */
export interface RunEnd {
  interrupted: boolean;
  durationMs: number;
}

const FAILURES_SHOWN_MAX = 20;
const KEYS_SHOWN_MAX = 8;
const KEY_WIDTH_MAX = 32;

/** The last line of `office run --json`. `output` is the folder of the job's last session, as in the events. */
export const jsonSummary = (model: RunModel, { interrupted, durationMs }: RunEnd) => ({
  type: "summary",
  office_id: model.info.officeId,
  task_id: model.info.taskId,
  ok: exitCodeOf(model) === 0,
  jobs: { total: model.jobs.length, ...model.counts },
  duration_ms: Math.round(durationMs),
  interrupted,
  failures: badlyEnded(model).map(({ id, key, state, errorClass, message, attempt, output }) => ({
    job_id: id,
    job_key: key,
    status: state,
    error_class: errorClass,
    message,
    attempts: attempt,
    output,
  })),
});

/** What a run came to, for people: in a line when all went well, else with what failed and how to carry on. */
export const summaryLines = (model: RunModel, end: RunEnd): Line[] => {
  if (isAllDone(model)) return [allDone(model, end)];
  return [
    end.interrupted ? interrupted(model, end) : notAllDone(model, end),
    ...failureList(model),
    ...keyList("⊘ cancelled", jobsIn(model, "cancelled")),
    ...keyList("■ stopped", stoppedJobs(model)),
    [dim("  to carry on: "), bold(model.info.carryOn(badlyEnded(model)))],
  ];
};

const allDone = ({ info, jobs }: RunModel, { durationMs }: RunEnd): Line => {
  const earlier = info.jobs.filter(({ initialState }) => initialState === "done").length;
  const remark = earlier > 0 ? dim(` (${earlier} of them in an earlier run)`) : "";
  return [styled(["green", "bold"], `✔ ${count(jobs.length, "job")} done`), ` in ${duration(durationMs)}`, remark];
};

const notAllDone = (model: RunModel, { durationMs }: RunEnd): Line => {
  const { jobs, counts } = model;
  const headline = `✘ ${jobs.length - counts.done} of ${count(jobs.length, "job")} did not end done`;
  const left = leftCount(model);
  const parts = [...badParts(model), ...(left > 0 ? [`${left} still waiting`] : [])];
  return [styled(["red", "bold"], headline), `: ${parts.join(", ")}`, dim(` (${duration(durationMs)})`)];
};

const interrupted = (model: RunModel, { durationMs }: RunEnd): Line => {
  const { jobs, counts } = model;
  const parts = [`${counts.done} of ${count(jobs.length, "job")} done`, ...badParts(model), `${leftCount(model)} left`];
  return [styled(["yellow", "bold"], `■ interrupted after ${duration(durationMs)}`), `: ${parts.join(", ")}`];
};

/** How many jobs came to which bad end: `1 failed`, `2 cancelled`. */
export const badParts = ({ counts }: RunModel): string[] =>
  [
    { number: counts.failed, word: "failed" },
    { number: counts.timeout, word: "timed out" },
    { number: counts.cancelled, word: "cancelled" },
  ].flatMap(({ number, word }) => (number > 0 ? [`${number} ${word}`] : []));

const failureList = (model: RunModel): Line[] => {
  const jobs = jobsIn(model, "failed", "timeout");
  const output = model.info.output ?? localOutput;
  const shown = jobs.slice(0, FAILURES_SHOWN_MAX);
  const keyWidth = widest(
    shown.map(({ key }) => key),
    KEY_WIDTH_MAX,
  );
  const hidden = jobs.length - shown.length;
  return [
    ...shown.flatMap((job) => failureLines(job, output.whereIs(job), keyWidth)),
    ...(hidden > 0 ? [[`  … and ${hidden} more that failed`]] : []),
  ];
};

const failureLines = (job: RunJob, output: string | null, keyWidth: number): Line[] => {
  const attempts = dim(job.attempt > 1 ? ` (${job.attempt} attempts)` : "");
  const reason = reasonOf(job) ?? "for no known reason";
  const headline: Line = [styled("red", "  ✘ "), bold(padded(job.key, keyWidth)), "  ", reason, attempts];
  return output === null ? [headline] : [headline, [" ".repeat(keyWidth + 6), dim(output)]];
};

const keyList = (heading: string, jobs: readonly RunJob[]): Line[] => {
  if (jobs.length === 0) return [];
  const keys = jobs.slice(0, KEYS_SHOWN_MAX).map(({ key }) => key);
  const hidden = jobs.length - keys.length;
  const more = hidden > 0 ? ` … and ${hidden} more` : "";
  return [[styled("yellow", `  ${heading}`), `: ${keys.join(", ")}${more}`]];
};

const stoppedJobs = ({ jobs }: RunModel): RunJob[] =>
  jobs.filter((job) => job.interrupted || job.state === "processing");

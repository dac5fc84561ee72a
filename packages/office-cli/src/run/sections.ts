import { isFinal } from "office-contract/vocabulary.ts";
import { stopwatch } from "../durations.ts";
import { cell, dim, type Line, type Span, styled } from "../line.ts";
import { jobsIn, type RunJob, type RunModel, unmetDependencies } from "./model.ts";
import type { Moment, Size } from "./moment.ts";
import { reasonOf } from "./wording.ts";

/** Jobs that are shown alike. */
export interface Section {
  jobs: readonly RunJob[];
  row: (job: RunJob) => Line;
  /** What is said of those that are only counted. */
  word: string;
  linesMax: number;
}

const QUEUE_LINES_MIN = 6;
const KEY_WIDTH_MAX = 28;
const ROLE_WIDTH_MAX = 12;
const SPINNER = ["◐", "◓", "◑", "◒"];

/** What runs, what runs again and when, what could run, and what waits for what. */
export const sectionsOf = (moment: Moment, { columns, rows }: Size): Section[] => {
  const { model } = moment;
  const pending = jobsIn(model, "pending");
  const retrying = pending.filter(({ retryAtMs }) => retryAtMs !== null);
  const waiting = pending.filter(({ retryAtMs }) => retryAtMs === null);
  const name = nameCells(moment, columns);
  const section = (jobs: readonly RunJob[], word: string, sign: Span, row: (job: RunJob) => Line): Section => ({
    jobs,
    word,
    row: (job) => [sign, ...name(job), ...row(job)],
    linesMax: Math.max(QUEUE_LINES_MIN, Math.floor(rows / 4)),
  });
  const spinner = styled("cyan", SPINNER[moment.tick % SPINNER.length] ?? "");
  return [
    { ...section(jobsIn(model, "processing"), "running", spinner, runningRow(moment)), linesMax: Infinity },
    section(retrying, "to retry", styled("yellow", "↻"), retryRow(moment)),
    section(jobsIn(model, "ready"), "ready", styled("green", "●"), () => ["ready"]),
    section(nearestFirst(model, waiting), "waiting", dim("○"), waitingRow(model)),
  ];
};

const nameCells = ({ widths }: Moment, columns: number) => {
  const keyWidth = Math.max(Math.min(widths.key, KEY_WIDTH_MAX, Math.floor(columns / 3)), 1);
  const roleWidth = Math.min(widths.role, ROLE_WIDTH_MAX);
  return ({ key, role }: RunJob): Line => [" ", cell(key, keyWidth), "  ", dim(cell(role, roleWidth)), "  "];
};

const runningRow =
  ({ nowMs, lastLines }: Moment) =>
  ({ title, attempt, executionId, startedAtMs }: RunJob): Line => [
    stopwatch(nowMs - (startedAtMs ?? nowMs)).padEnd(5),
    styled("yellow", attempt > 1 ? `  attempt ${attempt}` : ""),
    dim(`  ${lastLines.get(executionId ?? "") ?? title}`),
  ];

const retryRow =
  ({ nowMs }: Moment) =>
  (job: RunJob): Line => {
    // The last second counts, too: 0:01 until it is over.
    const dueInMs = (job.retryAtMs ?? nowMs) - nowMs + 999;
    return [
      styled("yellow", dueInMs >= 1_000 ? `again in ${stopwatch(dueInMs)}` : "again now"),
      dim(`  ${reasonOf(job) ?? ""}`),
    ];
  };

const waitingRow =
  (model: RunModel) =>
  (job: RunJob): Line => {
    const names = unmetDependencies(model, job).map(({ key, state }) => (isFinal(state) ? `${key} (${state})` : key));
    return [dim(names.length > 0 ? `after ${names.join(", ")}` : "next")];
  };

/** Those that wait for the fewest jobs first. */
const nearestFirst = (model: RunModel, jobs: readonly RunJob[]): RunJob[] =>
  jobs
    .map((job) => ({ job, distance: unmetDependencies(model, job).length }))
    .toSorted((one, other) => one.distance - other.distance)
    .map(({ job }) => job);

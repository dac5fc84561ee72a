import { stopwatch } from "../durations.ts";
import { bold, cell, dim, type Line, lineWidth, styled } from "../line.ts";
import { jobsIn, leftCount, type RunInfo, type RunModel } from "./model.ts";
import type { Moment } from "./moment.ts";
import { badParts } from "./summary.ts";

const WIDTH_MAX = 100;

/** What run it is and for how long, how far it has come as a bar, and the same in numbers. */
export const headerLines = ({ model, elapsedMs }: Moment, columns: number): Line[] => {
  const width = Math.min(columns, WIDTH_MAX);
  const time = stopwatch(elapsedMs);
  return [titleLine(model.info, time, width), barLine(model, width), countsLine(model)];
};

const titleLine = ({ title, officeName }: RunInfo, time: string, width: number): Line => {
  const room = Math.max(width - time.length - 2, 0);
  const titleWidth = Math.min(lineWidth([title]), room);
  return [bold(cell(title, titleWidth)), "  ", dim(cell(officeName, room - titleWidth)), time];
};

/** Each kind of job in its share of the width; full only when all is over. */
const barLine = ({ jobs, counts }: RunModel, width: number): Line => {
  const columnsTo = (number: number): number => Math.floor((number / Math.max(jobs.length, 1)) * width);
  const bad = counts.failed + counts.timeout + counts.cancelled;
  const done = columnsTo(counts.done);
  const ended = columnsTo(counts.done + bad);
  const begun = columnsTo(counts.done + bad + counts.processing);
  return [
    styled("green", "█".repeat(done)),
    styled("red", "▓".repeat(ended - done)),
    styled("cyan", "▒".repeat(begun - ended)),
    dim("░".repeat(width - begun)),
  ];
};

const countsLine = (model: RunModel): Line => {
  const { jobs, counts } = model;
  const retrying = jobsIn(model, "pending").filter(({ retryAtMs }) => retryAtMs !== null).length;
  const parts = [
    { number: counts.processing, word: "running" },
    { number: retrying, word: "to retry" },
    { number: counts.ready, word: "ready" },
    { number: counts.pending - retrying, word: "waiting" },
  ].flatMap(({ number, word }) => (number > 0 ? [`${number} ${word}`] : []));
  return [
    styled("green", `${counts.done} of ${jobs.length} done`),
    ...badParts(model).map((part) => styled("red", `, ${part}`)),
    dim(parts.length > 0 ? ` · ${leftCount(model)} left: ${parts.join(", ")}` : ""),
  ];
};

import type { Job } from "office-contract/api/jobs.ts";
import { JOB_STATES, type JobState } from "office-contract/vocabulary.ts";
import { wallClock } from "office-server/platform/clock.ts";
import { openOffice } from "../api/findOffice.ts";
import { findTask } from "../api/findJob.ts";
import { jobPages } from "../api/jobPages.ts";
import { wait } from "../durations.ts";
import { isTerminal, type Output, remark, widthOf, writeJson, writeLines } from "../output.ts";
import { type Column, tableLines } from "../table.ts";
import { UsageError } from "../usageError.ts";
import { sinceOf, stateWord, timeWords } from "../wording.ts";

export interface JobsOptions {
  office?: string;
  status?: string[];
  role?: string;
  task?: string;
  all: boolean;
  json: boolean;
}

const SHOWN = 100;

/** `office jobs`: lists an office's jobs, the newest task first. Returns the exit code. */
export async function listJobs(options: JobsOptions, output: Output): Promise<number> {
  const status = options.status === undefined ? undefined : readStates(options.status);
  const office = await openOffice(options);
  const task = options.task === undefined ? undefined : await findTask(office, options.task);
  const filter = {
    ...(status !== undefined && { status: status.join(",") }),
    ...(options.role !== undefined && { role: options.role }),
    ...(task !== undefined && { task_id: task }),
    ...(!options.all && { limit: SHOWN }),
  };
  const listed: Job[] = [];
  let more = false;
  for await (const page of jobPages(office.client, office.officeId, filter)) {
    more = page.more;
    if (options.json) writeJson(output.stdout, ...page.jobs);
    else listed.push(...page.jobs);
    if (!options.all) break;
  }
  if (!options.json) writeJobs(listed, output);
  if (more && !options.all) remark(output, `these are the newest ${SHOWN}; --all lists every one`);
  return 0;
}

/**
 * States as they are named on a command line: several words, or one with commas.
 *
 * @throws UsageError that says which states there are
 */
export function readStates(words: readonly string[]): JobState[] {
  return words
    .flatMap((word) => word.split(","))
    .map((word) => {
      const state = JOB_STATES.find((name) => name === word.trim());
      if (state === undefined) throw new UsageError(`there is no state "${word}"; states are ${JOB_STATES.join(", ")}`);
      return state;
    });
}

function writeJobs(jobs: readonly Job[], output: Output): void {
  const { stdout } = output;
  if (jobs.length === 0) remark(output, "no jobs");
  else writeLines(stdout, tableLines(jobs, jobColumns(isTerminal(stdout), wallClock().getTime()), widthOf(stdout)));
}

export function jobColumns(forPeople: boolean, nowMs: number): Column<Job>[] {
  const time = timeWords(forPeople, nowMs);
  return [
    { title: "KEY", cell: ({ key, id }) => key ?? (forPeople ? id : "-"), widthMin: 16 },
    { title: "STATUS", cell: ({ status }) => stateWord(status) },
    { title: "ROLE", cell: ({ role }) => role, widthMin: 6 },
    { title: "TRY", cell: ({ attempt }) => String(attempt), alignRight: true },
    { title: "SINCE", cell: (job) => time(sinceOf(job)) },
    { title: "ID", cell: ({ id }) => id, optional: true },
    { title: "TASK", cell: ({ task_id: task }) => task ?? "-", optional: true },
    { title: "NOTE", cell: (job) => noteOn(job, nowMs), widthMin: 10 },
  ];
}

/** What is worth knowing of a job besides its state: what it waits for, why it failed; otherwise its title. */
export function noteOn(job: Job, nowMs: number): string {
  const {
    status,
    key,
    title,
    unmet_count: unmet,
    run_at: runAt,
    error_class: errorClass,
    error_message: message,
  } = job;
  if (status === "pending" && unmet > 0) return `after ${unmet} ${unmet === 1 ? "other" : "others"}`;
  const delayMs = runAt === null ? 0 : Date.parse(runAt) - nowMs;
  if (status === "pending" && delayMs > 0) return `again in ${wait(delayMs)}`;
  if (["failed", "timeout", "cancelled"].includes(status)) {
    return [errorClass, message].filter((word) => word !== null && word !== "").join(" ");
  }
  return title === key ? "" : title;
}

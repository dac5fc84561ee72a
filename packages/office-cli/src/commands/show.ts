import type { Execution, JobDetails } from "office-contract/api/jobs.ts";
import { wallClock } from "office-server/platform/clock.ts";
import { openOffice } from "../api/findOffice.ts";
import { findJob } from "../api/findJob.ts";
import { duration, written } from "../durations.ts";
import { bold, dim, type Line } from "../line.ts";
import { isTerminal, type Output, widthOf, writeJson, writeLines, writeWhole } from "../output.ts";
import { type Column, factLines, tableLines } from "../table.ts";
import { sinceOf, stateWord, type TimeWords, timeWords } from "../wording.ts";
import { noteOn } from "./jobs.ts";

export interface ShowOptions {
  office?: string;
  json: boolean;
}

const PROMPT_LINES_MAX = 12;

/** `office show JOB`: shows a job with its executions, what it waits for and what waits for it. Returns the exit code. */
export async function showJob(named: string, options: ShowOptions, output: Output): Promise<number> {
  const office = await openOffice(options);
  const jobId = await findJob(office, named, output);
  const job = await office.client.call("getJob", { params: { officeId: office.officeId, jobId } });
  const { stdout } = output;
  if (options.json) {
    writeJson(stdout, job);
    return 0;
  }
  const nowMs = wallClock().getTime();
  const time = timeWords(isTerminal(stdout), nowMs);
  writeWhole(stdout, [headline(job), ...factLines(factsOf(job, time, nowMs)), ...promptLines(job)]);
  writeLines(stdout, [
    ...section("Executions", job.executions, executionColumns(time), widthOf(stdout)),
    ...section("Waits for", [...job.dependencies, ...missingOf(job)], REFERENCE_COLUMNS, widthOf(stdout)),
    ...section("Waiting for it", job.dependents, REFERENCE_COLUMNS, widthOf(stdout)),
  ]);
  return 0;
}

const headline = ({ key, id, title }: JobDetails): Line => [bold(key ?? id), title === key ? "" : `  ${title}`];

function factsOf(job: JobDetails, time: TimeWords, nowMs: number): (readonly [string, Line])[] {
  const why = ["processing", "ready", "done"].includes(job.status) ? "" : noteOn(job, nowMs);
  const facts: (readonly [string, Line | null])[] = [
    [
      "status",
      [stateWord(job.status), ` since ${time(sinceOf(job))}`, why === "" || why === job.title ? "" : `: ${why}`],
    ],
    ["id", [job.id]],
    ["task", job.task_id === null ? null : [job.task_id]],
    ["role", [job.role]],
    ["agent", job.agent_id === null ? null : [job.agent_id]],
    ["runtime", job.runtime === null ? null : [job.runtime]],
    ["priority", [String(job.priority)]],
    // What was brought back, handed over, or lost with its worker has had attempts that used no retry.
    ["attempts", [String(job.attempt)]],
    ["retries", [String(job.retry_count), job.max_retries === null ? "" : dim(` of ${job.max_retries}`)]],
    ["timeout", [job.timeout_ms === null ? dim("as the office says for its role") : written(job.timeout_ms)]],
    ["created", [time(job.created_at)]],
    ["branch", job.branch_name === null ? null : [job.branch_name]],
    ["pull request", job.pr_number === null ? null : [`#${job.pr_number}`]],
    ["result", job.result === null || job.result === undefined ? null : [JSON.stringify(job.result)]],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
}

function promptLines({ prompt }: JobDetails): Line[] {
  if (prompt === null || prompt === "") return [];
  const lines = prompt.trimEnd().split("\n");
  const hidden = lines.length - PROMPT_LINES_MAX;
  return [
    [],
    [bold("Prompt")],
    ...lines.slice(0, PROMPT_LINES_MAX).map((line): Line => [`  ${line}`]),
    ...(hidden > 0 ? [[dim(`  … and ${hidden} more lines`)]] : []),
  ];
}

const executionColumns = (time: TimeWords): Column<Execution>[] => [
  { title: "  TRY", cell: ({ attempt }) => String(attempt), alignRight: true },
  { title: "STATUS", cell: ({ status }) => stateWord(status) },
  { title: "STARTED", cell: ({ started_at: at }) => time(at) },
  { title: "TOOK", cell: (execution) => tookOf(execution) },
  { title: "EXIT", cell: ({ exit_code: code }) => (code === null ? "-" : String(code)), alignRight: true },
  { title: "ID", cell: ({ id }) => id, optional: true },
  { title: "WORKER", cell: ({ worker_id: worker }) => worker, optional: true },
  { title: "WHY", cell: (execution) => whyOf(execution), widthMin: 10 },
];

const tookOf = ({ started_at: start, ended_at: end }: Execution): string =>
  end === null ? "-" : duration(Date.parse(end) - Date.parse(start));

const whyOf = ({ status, error_class: errorClass, error_message: message, stop_cause: stop }: Execution): string => {
  if (status === "running" && stop !== null) return `is being stopped: ${stop}`;
  return [errorClass, message].filter((word) => word !== null && word !== "").join(" ");
};

type Reference = Omit<JobDetails["dependencies"][number], "status"> & {
  status: JobDetails["status"] | null;
};

/** What another program has written that it depends on, and that is not there: it waits for it all the same. */
const missingOf = ({ status, unmet_count: unmet, depends_on: dependsOn, dependencies }: JobDetails): Reference[] => {
  const known = dependencies.filter((dependency) => dependency.status !== "done").length;
  // One that was done and deleted since is no reason to wait.
  if (status !== "pending" || unmet <= known) return [];
  const there = new Set(dependencies.map(({ id }) => id));
  const missing = dependsOn.filter((id) => !there.has(id));
  return missing.map((id) => ({ id, key: null, title: "there is no such job", status: null }));
};

const REFERENCE_COLUMNS: Column<Reference>[] = [
  { title: "  KEY", cell: ({ key, id }) => `  ${key ?? id}`, widthMin: 16 },
  { title: "STATUS", cell: ({ status }) => (status === null ? "missing" : stateWord(status)) },
  { title: "ID", cell: ({ id }) => id, optional: true },
  { title: "TITLE", cell: ({ key, title }) => (title === key ? "" : title), widthMin: 10 },
];

const section = <Row>(title: string, rows: readonly Row[], columns: readonly Column<Row>[], width: number): Line[] =>
  rows.length === 0 ? [] : [[], [bold(title)], ...tableLines(rows, columns, width)];

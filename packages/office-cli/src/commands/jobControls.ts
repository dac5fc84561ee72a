import type { ResponseOf } from "office-contract/api/client.ts";
import { parseDuration } from "office-contract/duration.ts";
import { DURATION_MS_MAX, PRIORITY_MAX, PRIORITY_MIN } from "office-contract/limits.ts";
import { findJob, findTask } from "../api/findJob.ts";
import { openOffice } from "../api/findOffice.ts";
import { isId } from "../api/ids.ts";
import { written } from "../durations.ts";
import { count } from "../line.ts";
import { type Output, writeJson, writeWhole } from "../output.ts";
import { UsageError } from "../usageError.ts";
import { readStates } from "./jobs.ts";

export interface ControlOptions {
  office?: string;
  json: boolean;
}

export interface CancelOptions extends ControlOptions {
  all: boolean;
  task?: string;
  role?: string;
  status?: string[];
  reason?: string;
}

type Cancelled = ResponseOf<"cancelJob">;

/** `office cancel`: cancels some jobs, or all that a filter lets through, and what depends on them. Returns the exit code. */
export async function cancelJobs(jobs: readonly string[], options: CancelOptions, output: Output): Promise<number> {
  const { all, task, role, status, reason } = options;
  const filters = [task, role, status].filter((filter) => filter !== undefined);
  if (jobs.length > 0 && (all || filters.length > 0)) {
    throw new UsageError("name jobs, or choose them by --all, --task, --role and --status: not both");
  }
  if (jobs.length === 0 && !all && filters.length === 0) {
    throw new UsageError("nothing to cancel: name jobs, or choose them by --task, --role, --status, or --all");
  }
  const states = status === undefined ? undefined : readStates(status);
  const office = await openOffice(options);
  const { client, officeId } = office;
  const why = reason === undefined ? {} : { reason };
  const answers: Cancelled[] = [];
  if (jobs.length === 0) {
    const body = {
      ...(task !== undefined && { task_id: await findTask(office, task) }),
      ...(role !== undefined && { role }),
      ...(states !== undefined && { status: states }),
      ...why,
    };
    answers.push(await client.call("cancelAll", { params: { officeId }, body }));
  }
  // All names are looked up before any job is cancelled: a wrong one changes nothing.
  const ids: string[] = [];
  for (const named of jobs) ids.push(await findJob(office, named, output));
  for (const jobId of ids) answers.push(await client.call("cancelJob", { params: { officeId, jobId }, body: why }));
  if (options.json) writeJson(output.stdout, ...answers);
  else writeWhole(output.stdout, [[describeCancelled(answers)]]);
  return 0;
}

function describeCancelled(answers: readonly Cancelled[]): string {
  const cancelled = answers.reduce((sum, answer) => sum + answer.cancelled, 0);
  const stopping = answers.reduce((sum, answer) => sum + answer.stopping, 0);
  if (cancelled === 0) return "nothing to cancel: no such job is waiting or running";
  return `cancelled ${count(cancelled, "job")}${stopping > 0 ? `; ${count(stopping, "session")} being stopped` : ""}`;
}

/** `office retry JOB...`: runs jobs that have ended again. Returns the exit code. */
export async function retryJobs(
  jobs: readonly string[],
  options: ControlOptions & { downstream: boolean },
  output: Output,
): Promise<number> {
  const office = await openOffice(options);
  const ids: string[] = [];
  for (const named of jobs) ids.push(await findJob(office, named, output));
  for (const jobId of ids) {
    const params = { officeId: office.officeId, jobId };
    const query = { downstream: String(options.downstream) as "true" | "false" };
    const answer = await office.client.call("retryJob", { params, query });
    if (options.json) {
      writeJson(output.stdout, answer);
      continue;
    }
    const others = answer.job_ids.length - 1;
    const downstream = others > 0 ? `, and ${count(others, "job")} that it had cancelled` : "";
    writeWhole(output.stdout, [[`${nameOf(answer.job)} is ${answer.job.status} again${downstream}`]]);
  }
  return 0;
}

/** `office priority JOB N`: changes when a waiting job has its turn. Returns the exit code. */
export async function setPriority(
  named: string,
  text: string,
  options: ControlOptions,
  output: Output,
): Promise<number> {
  const priority = Number(text);
  if (!/^[+-]?\d+$/.test(text) || priority < PRIORITY_MIN || priority > PRIORITY_MAX) {
    throw new UsageError(`a priority is a whole number, lower runs first; "${text}" is none`);
  }
  const office = await openOffice(options);
  const params = { officeId: office.officeId, jobId: await findJob(office, named, output) };
  const job = await office.client.call("setPriority", { params, body: { priority } });
  if (options.json) writeJson(output.stdout, job);
  else writeWhole(output.stdout, [[`${nameOf(job)} has priority ${job.priority}`]]);
  return 0;
}

/** `office timeout JOB DURATION`: changes how long a job's session may run, from its start. Returns the exit code. */
export async function setTimeLimit(
  named: string,
  text: string,
  options: ControlOptions,
  output: Output,
): Promise<number> {
  const timeoutMs = /^\d+$/.test(text) ? Number(text) : (parseDuration(text) ?? 0);
  if (timeoutMs < 1 || timeoutMs > DURATION_MS_MAX) {
    throw new UsageError(`a timeout is a time such as 90s, 30m or 1h30m, at most 366 days; "${text}" is none`);
  }
  const office = await openOffice(options);
  const params = { officeId: office.officeId, jobId: await findJob(office, named, output) };
  const job = await office.client.call("setTimeout", { params, body: { timeout_ms: timeoutMs } });
  if (options.json) writeJson(output.stdout, job);
  else writeWhole(output.stdout, [[`${nameOf(job)} may run for ${written(job.timeout_ms ?? timeoutMs)}`]]);
  return 0;
}

/** `office assign JOB`: hands a job over to another role or agent. Returns the exit code. */
export async function assignJob(
  named: string,
  options: ControlOptions & { role?: string; agent?: string; requeue: boolean },
  output: Output,
): Promise<number> {
  const { role, agent, requeue } = options;
  if (role === undefined && agent === undefined) throw new UsageError("say to whom: by --role, --agent, or both");
  if (agent !== undefined && !isId(agent)) throw new UsageError(`an agent is named by its id; "${agent}" is none`);
  const office = await openOffice(options);
  const params = { officeId: office.officeId, jobId: await findJob(office, named, output) };
  const body = { ...(role !== undefined && { role }), ...(agent !== undefined && { agent_id: agent }), requeue };
  const job = await office.client.call("setAssignee", { params, body });
  if (options.json) writeJson(output.stdout, job);
  else
    writeWhole(output.stdout, [
      [`${nameOf(job)} is for ${agent === undefined ? job.role : `${job.role}, agent ${agent}`}`],
    ]);
  return 0;
}

const nameOf = ({ key, id }: { key: string | null; id: string }): string => key ?? id;

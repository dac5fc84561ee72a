import type { ApiClient, ResponseOf } from "office-contract/api/client.ts";
import { blockedJobs, isStandstill } from "office-server/domain/standstill.ts";
import type { BlockedJob } from "office-server/workers/taskWorker.ts";
import { commandName } from "office-server/platform/clientConfig.ts";
import type { EventStream } from "./api/EventStream.ts";
import { remark } from "./output.ts";
import { describeBlocked } from "./run/blocked.ts";
import { exitCodeOf, foldEvents, isOver, type RunInfo, type RunJob, type RunModel, startModel } from "./run/model.ts";
import type { OutputSource } from "./run/sessionOutput.ts";
import { createRunView } from "./run/view.ts";
import { shellWord } from "./shellWord.ts";

export interface FollowedTask {
  client: ApiClient;
  office: { id: string; name: string };
  title: string;
  submitted: ResponseOf<"submitJobs">;
  /** Opened before the task was submitted. */
  events: EventStream;
  json: boolean;
  signal: AbortSignal;
}

const KEYS_NAMED_MAX = 8;

/** Shows what becomes of a task, as `office run` does, until every job has ended. Returns the exit code. */
export async function followTask(
  task: FollowedTask,
  io: { stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream },
): Promise<number> {
  const { client, office, submitted, events, signal } = task;
  const { maxConcurrentJobs } = await client.call("getConfig", { params: { officeId: office.id } });
  const info = runInfo(task, maxConcurrentJobs);
  const view = createRunView(task.json ? "json" : io.stdout.isTTY ? "live" : "lines", io);
  let model = startModel(info);
  view.start(info);
  try {
    for await (const batch of events.batches()) {
      const own = batch.filter((event) => event.task_id === submitted.task_id);
      model = foldEvents(model, own).model;
      view.onEvents(own);
      if (isOver(model) || isStandstill(progressOf(model))) break;
    }
  } catch (error) {
    await view.leave();
    if (signal.aborted) {
      const cancel = `${commandName()} cancel -o ${shellWord(office.name)} --task ${submitted.task_id}`;
      remark(io, `the task goes on; \`${cancel}\` stops it`);
    }
    throw error;
  }
  const blocked = namedBlocked(model);
  if (blocked.length > 0) view.notice(describeBlocked(blocked));
  await view.finish({ interrupted: false });
  return exitCodeOf(model);
}

const progressOf = ({ jobs }: RunModel) => jobs.map(({ id, state, dependsOn }) => ({ id, status: state, dependsOn }));

/** The jobs that nothing will start any more, in the plan's order. */
function namedBlocked(model: RunModel): BlockedJob[] {
  const keys = new Map(model.jobs.map(({ id, key }) => [id, key]));
  const causes = blockedJobs(progressOf(model));
  return model.jobs.flatMap(({ id, key }) => {
    const by = causes.get(id);
    return by === undefined ? [] : [{ key, by: by.map((cause) => keys.get(cause) ?? cause) }];
  });
}

const runInfo = ({ client, office, title, submitted }: FollowedTask, maxConcurrentJobs: number): RunInfo => ({
  title,
  officeId: office.id,
  officeName: office.name,
  taskId: submitted.task_id,
  resumed: false,
  maxConcurrentJobs,
  carryOn: (jobs) => retryCommand(jobs, office.name, submitted.task_id),
  output: remoteOutput(client, office),
  jobs: submitted.jobs.map(({ id, key, role, title: jobTitle, depends_on: dependsOn }) => ({
    id,
    key: key ?? id,
    role,
    title: jobTitle,
    dependsOn,
  })),
});

/** What those that failed had cancelled comes back with them. */
function retryCommand(badlyEnded: readonly RunJob[], officeName: string, taskId: string): string {
  const where = `-o ${shellWord(officeName)}`;
  const failed = badlyEnded.filter(({ state }) => state !== "cancelled");
  const toRetry = failed.length > 0 ? failed : badlyEnded;
  if (toRetry.length > KEYS_NAMED_MAX) {
    return `${commandName()} jobs ${where} --task ${taskId} --status failed,timeout; ${commandName()} retry ${where} JOB...`;
  }
  return `${commandName()} retry ${where} ${toRetry.map(({ key }) => shellWord(key)).join(" ")}`;
}

/** What sessions have written, wherever they ran. */
const remoteOutput = (client: ApiClient, office: { id: string; name: string }): OutputSource => ({
  async lastLines({ id, attempt }, lines) {
    try {
      const params = { officeId: office.id, jobId: id };
      const response = await client.open("getJobLogs", { params, query: { attempt, tail: lines } });
      const text = await response.text();
      return text === "" ? [] : text.replace(/\n$/, "").split("\n").slice(-lines);
    } catch {
      // What cannot be read is not shown.
      return [];
    }
  },
  whereIs: ({ key, attempt }) =>
    attempt === 0 ? null : `${commandName()} logs -o ${shellWord(office.name)} ${shellWord(key)}`,
});

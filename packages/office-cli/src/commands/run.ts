import { basename, extname, join, resolve } from "node:path";
import { acquireDatabase } from "office-server/db/acquireDatabase.ts";
import { Database } from "office-server/db/connection.ts";
import { migrate } from "office-server/db/migrate.ts";
import type { Plan } from "office-server/domain/plan.ts";
import { commandName } from "office-server/platform/clientConfig.ts";
import { type Config, readConfig } from "office-server/platform/config.ts";
import { createLogger } from "office-server/platform/log.ts";
import { makeOfficeHome } from "office-server/platform/officeHome.ts";
import { setLongTimer } from "office-server/platform/timers.ts";
import { readPlanFile } from "office-server/services/planFile.ts";
import { type PlanOrigin, resumePlan, type Submission, submitPlan } from "office-server/services/submission.ts";
import { recordEnds } from "office-server/workers/recovery.ts";
import { sessionsDirectoryOf } from "office-server/workers/sessions.ts";
import { TaskWorker } from "office-server/workers/taskWorker.ts";
import { Interruption } from "../interruption.ts";
import { printPlanErrors } from "../planErrors.ts";
import { describeBlocked } from "../run/blocked.ts";
import { Troubles } from "../run/troubles.ts";
import { createRunView, type ViewKind } from "../run/view.ts";
import { shellWord } from "../shellWord.ts";

export interface RunOptions {
  json: boolean;
  resume: boolean;
}

interface Output {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

const NOTICE_MS = 500;

const ALL_DONE = 0;
const NOT_ALL_DONE = 1;
const INVALID = 2;
const INTERRUPTED = 130;

/** `office run PLAN`: runs a plan to its end in this process, with live progress. Returns the exit code. */
export async function runPlan(path: string, options: RunOptions, io: Output): Promise<number> {
  const read = await readPlanFile(path);
  if (!read.ok) {
    printPlanErrors(read.errors, io.stderr);
    return INVALID;
  }
  const config = readConfig();
  // Where there is an embedded database, it makes the folder: it has more to think of.
  if (config.databaseUrl !== null) makeOfficeHome(config.officeHome);
  const interruption = new Interruption(INTERRUPTED);
  try {
    return await withDatabase(config, io.stderr, (database) =>
      runInDatabase({ database, config, plan: read.plan, path, options, io, interruption }),
    );
  } finally {
    interruption.forget();
  }
}

const pausedNotice = (office: string): string =>
  `office ${office} is paused: nothing starts until it is resumed (${commandName()} resume ${shellWord(office)})`;

async function withDatabase(
  config: Config,
  stderr: NodeJS.WriteStream,
  action: (database: Database) => Promise<number>,
): Promise<number> {
  // Creating a database takes some seconds, which nobody should spend before an empty screen.
  const notice = setLongTimer(() => {
    if (stderr.isTTY) stderr.write("office: getting the database ready …\n");
  }, NOTICE_MS);
  const postgres = await acquireDatabase(config).finally(() => notice.cancel());
  try {
    await migrate(postgres.url, { schema: config.databaseSchema });
    const database = new Database({ connectionString: postgres.url, schema: config.databaseSchema });
    try {
      return await action(database);
    } finally {
      await database.close();
    }
  } finally {
    await postgres.release();
  }
}

interface Run {
  database: Database;
  config: Config;
  plan: Plan;
  path: string;
  options: RunOptions;
  io: Output;
  interruption: Interruption;
}

async function runInDatabase({ database, config, plan, path, options, io, interruption }: Run): Promise<number> {
  // On a terminal the view tells it all; a log line in the middle of it would only tear it up.
  const viewKind: ViewKind = options.json
    ? "json"
    : io.stdout.isTTY && config.environment["TERM"] !== "dumb"
      ? "live"
      : "lines";
  let say = (text: string): void => void io.stderr.write(`office: ${text}\n`);
  const log =
    config.logLevel === "info" || viewKind === "live"
      ? createLogger("error", new Troubles((text) => say(text)))
      : createLogger(config.logLevel);
  const origin: PlanOrigin = { path: resolve(path), defaultOffice: basename(path, extname(path)) };

  await recordEnds(database, config, log);
  if (interruption.happened) {
    io.stderr.write("office: interrupted before anything was started\n");
    return INTERRUPTED;
  }
  let submission: Submission;
  if (options.resume) {
    const resumption = await resumePlan(database, plan, origin, { onlyThisMachine: config.databaseUrl === null });
    if (!resumption.ok) {
      io.stderr.write(`office: ${path} cannot be resumed: ${resumption.reason}\n`);
      return INVALID;
    }
    submission = resumption.submission;
  } else {
    submission = await submitPlan(database, plan, origin);
  }

  const view = createRunView(viewKind, io);
  say = (text) => view.notice(text);
  const { officeId, taskId } = submission;
  view.start({
    title: plan.title ?? basename(path),
    carryOn: () => `${commandName()} run ${shellWord(path)} --resume`,
    officeId,
    officeName: plan.office ?? origin.defaultOffice,
    taskId,
    resumed: options.resume,
    sessionFolder: (executionId) => join(sessionsDirectoryOf(config.officeHome), executionId),
    maxConcurrentJobs: submission.maxConcurrentJobs,
    jobs: submission.jobs.map((job) => ({ ...job, dependsOn: job.depends_on, initialState: job.status })),
  });
  const worker = new TaskWorker({
    database,
    config,
    log,
    officeId,
    taskId,
    onEvents: (events) => view.onEvents(events),
  });
  if (submission.isPaused) view.notice(pausedNotice(plan.office ?? origin.defaultOffice));
  interruption.watch(worker, view);
  try {
    await worker.start(submission.eventsAfter);
    await worker.finished;
    const blocked = interruption.happened ? [] : await worker.blocked();
    if (blocked.length > 0) view.notice(describeBlocked(blocked));
  } finally {
    await worker.stop();
    interruption.unwatch();
  }
  await view.finish({ interrupted: interruption.happened });
  if (interruption.happened) return INTERRUPTED;
  return (await worker.allDone()) ? ALL_DONE : NOT_ALL_DONE;
}

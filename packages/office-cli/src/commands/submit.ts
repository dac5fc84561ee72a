import { basename, dirname, extname, resolve } from "node:path";
import { type ApiClient, ApiError, type ResponseOf } from "office-contract/api/client.ts";
import type { Office } from "office-contract/api/offices.ts";
import { effectiveConfig } from "office-contract/config.ts";
import type { Plan } from "office-server/domain/plan.ts";
import { type ClientConfig, commandName } from "office-server/platform/clientConfig.ts";
import { newId } from "office-server/platform/ids.ts";
import { pause } from "office-server/platform/timers.ts";
import { readPlanFile } from "office-server/services/planFile.ts";
import { connect, isPassing } from "../api/connect.ts";
import { EventStream } from "../api/EventStream.ts";
import { officeOfName } from "../api/findOffice.ts";
import { isId } from "../api/ids.ts";
import { planRequest } from "../api/planRequest.ts";
import { following, LOST } from "../following.ts";
import { bold, count, dim, styled } from "../line.ts";
import { type Output, remark, writeJson, writeWhole } from "../output.ts";
import { printPlanErrors } from "../planErrors.ts";
import { shellWord } from "../shellWord.ts";
import { followTask } from "../taskFollower.ts";
import { UsageError } from "../usageError.ts";

export interface SubmitOptions {
  office?: string;
  follow: boolean;
  json: boolean;
}

interface Io extends Output {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

const DONE = 0;
const INVALID = 2;

type Submitted = ResponseOf<"submitJobs">;

/** `office submit PLAN`: hands a plan to the API, and with `follow` watches it to its end. Returns the exit code. */
export async function submitPlan(path: string, options: SubmitOptions, io: Io): Promise<number> {
  const read = await readPlanFile(path);
  if (!read.ok) {
    printPlanErrors(read.errors, io.stderr);
    return INVALID;
  }
  const { plan } = read;
  const { client, config } = connect();
  const office = await prepareOffice({ client, config, plan, path, named: options.office });
  const submit = () =>
    submitJobs(client, office.id, planRequest(plan, dirname(resolve(path)))).catch(async (error: unknown) => {
      if (error instanceof ApiError && error.problem.status < 500) await office.undo();
      throw error;
    });
  if (options.follow) {
    return following(io, async (signal) => {
      const onCut = (): void => remark(io, LOST);
      // Before the jobs are there, so that nothing is missed of what becomes of them.
      const events = await EventStream.open({ client, officeId: office.id, signal, onCut });
      const submitted = await submit();
      warn(submitted, io);
      const title = plan.title ?? basename(path);
      return followTask({ client, office, title, submitted, events, json: options.json, signal }, io);
    });
  }
  const submitted = await submit();
  warn(submitted, io);
  if (options.json) writeJson(io.stdout, submitted);
  else tellWhatNext(submitted, office.name, io);
  return DONE;
}

interface Preparation {
  client: ApiClient;
  config: ClientConfig;
  plan: Plan;
  path: string;
  named: string | undefined;
}

interface PreparedOffice {
  id: string;
  name: string;
  /** Gives it the settings back that it had. One that is new stays: others may have found it meanwhile. */
  undo: () => Promise<void>;
}

/** Finds the office that a plan is for, or creates it, and gives it the plan's settings. */
async function prepareOffice({ client, config, plan, path, named }: Preparation): Promise<PreparedOffice> {
  if (plan.office !== null && named !== undefined && named !== plan.office) {
    throw new UsageError(`${path} is for office "${plan.office}", and --office says "${named}"; leave one of them out`);
  }
  const given = plan.office ?? named ?? config.office;
  const name = given ?? basename(path, extname(path));
  const planPath = resolve(path);
  const office = await findOrCreate(client, given === null ? { name, metadata: { plan: planPath } } : { name });
  const params = { officeId: office.id };
  const settings = plan.limits;
  // An office that was made for this plan alone is as the plan says; another one keeps what else was set.
  const isItsOwn = given === null && planOf(office) === planPath;
  const patch = isItsOwn ? effectiveConfig(settings) : settings;
  let undo = async (): Promise<void> => {};
  if (Object.keys(settings).length > 0 || (isItsOwn && !office.isNew)) {
    const before = await client.call("getConfig", { params });
    await client.call("patchConfig", { params, body: patch });
    if (!office.isNew) undo = async () => void (await client.call("patchConfig", { params, body: before }));
  }
  return { id: office.id, name: office.name, undo };
}

const planOf = ({ metadata }: Office): unknown => (metadata as { plan?: unknown } | null)?.plan;

async function findOrCreate(
  client: ApiClient,
  body: { name: string; metadata?: { plan: string } },
): Promise<Office & { isNew: boolean }> {
  const { name } = body;
  const found = await officeOfName(client, name);
  if (found !== null) return { ...found, isNew: false };
  if (isId(name)) return { ...(await client.call("getOffice", { params: { officeId: name } })), isNew: false };
  try {
    return { ...(await client.call("createOffice", { body })), isNew: true };
  } catch (error) {
    // Somebody else has just created it.
    const made =
      error instanceof ApiError && error.problem.code === "conflict" ? await officeOfName(client, name) : null;
    if (made !== null) return { ...made, isNew: false };
    throw error;
  }
}

const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000];

/** Submits once: under a key of its own, a request that is repeated because its answer was lost does nothing more. */
async function submitJobs(
  client: ApiClient,
  officeId: string,
  body: ReturnType<typeof planRequest>,
): Promise<Submitted> {
  const headers = { "idempotency-key": newId() };
  for (const pauseMs of PAUSES_MS) {
    try {
      return await client.call("submitJobs", { params: { officeId }, headers, body });
    } catch (error) {
      if (!isWorthRepeating(error)) throw error;
      await pause(pauseMs);
    }
  }
  return client.call("submitJobs", { params: { officeId }, headers, body });
}

/** Nothing has answered, or it broke off in its answer, or something in between said that nobody is there. */
const isWorthRepeating = (error: unknown): boolean => isPassing(error) || error instanceof TypeError;

const warn = ({ warnings }: Submitted, { stderr }: Output): void =>
  writeWhole(
    stderr,
    warnings.map((warning) => [styled("yellow", "warning:"), ` ${warning}`]),
  );

function tellWhatNext({ task_id: taskId, jobs }: Submitted, officeName: string, { stdout }: Output): void {
  const office = commandName();
  const where = `-o ${shellWord(officeName)}`;
  writeWhole(stdout, [
    [`${count(jobs.length, "job")} submitted to office ${officeName} as task `, bold(taskId)],
    [dim("  what becomes of them: "), `${office} jobs ${where} --task ${taskId}`],
    [dim("  as it happens:        "), `${office} events ${where} -f`],
  ]);
}

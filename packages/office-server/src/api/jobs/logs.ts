import { once } from "node:events";
import type { Response } from "express";
import { isFinal } from "office-contract/vocabulary.ts";
import { Refusal } from "../../domain/refusal.ts";
import { change, JobOutput, outputSource, type OutputSource } from "../../services/jobs/jobOutput.ts";
import type { ApiContext, Call, Handlers } from "../handler.ts";
import { showJob } from "./presentation.ts";

type LogsCall = Call<"getJobLogs">;

/** Each looks for news twice a second. */
const FOLLOWERS_MAX = 200;
/** For how long to stay away when there are so many, in s. */
const RETRY_AFTER_S = 10;
let followers = 0;

export const logHandlers: Handlers<"getJobLogs"> = {
  getJobLogs: async (context, call) => {
    const { params, query, request, response } = call;
    const follow = (query.follow === "1" || query.follow === "true") && request.method !== "HEAD";
    await showJob(context.database, params);
    if (!follow) return answer(context, call, false);
    if (followers >= FOLLOWERS_MAX) {
      response.set("Retry-After", String(RETRY_AFTER_S));
      throw new Refusal("too_many_requests", `${FOLLOWERS_MAX} follow logs here already; try again later`);
    }
    followers += 1;
    try {
      await answer(context, call, true);
    } finally {
      followers -= 1;
    }
  },
};

async function answer(context: ApiContext, call: LogsCall, follow: boolean): Promise<void> {
  const { response } = call;
  const ended = new AbortController();
  response.once("close", () => ended.abort());
  if (response.closed) return;
  response.type("text/plain; charset=utf-8").set("X-Accel-Buffering", "no");
  const source = await sourceOf(context, call, follow, ended.signal);
  if (source !== null) await write(context, call, source, follow, ended.signal);
  response.end();
}

/** The execution that is asked for. One that is followed and has not begun yet is waited for. */
async function sourceOf(
  { database, events }: ApiContext,
  { params, query, response }: LogsCall,
  follow: boolean,
  signal: AbortSignal,
): Promise<OutputSource | null> {
  const { attempt = null } = query;
  for (;;) {
    const source = await outputSource(database, { jobId: params.jobId, attempt });
    if (source !== null || signal.aborted) return source;
    const { status, attempt: made } = await showJob(database, params);
    if (!follow || isFinal(status)) {
      if (attempt === null || response.headersSent) return null;
      throw new Refusal("not_found", `job ${params.jobId} has no attempt ${attempt}: it has had ${made}`);
    }
    response.flushHeaders();
    await change(events, params.officeId, signal);
  }
}

async function write(
  { database, events }: ApiContext,
  { params, query, response }: LogsCall,
  { executionId, attempt }: OutputSource,
  follow: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (!response.headersSent) response.set({ "X-Execution-Id": executionId, "X-Attempt": String(attempt) });
  const output = new JobOutput(database, executionId);
  if (query.tail !== undefined) await send(response, await output.tail(query.tail), signal);
  if (follow) response.flushHeaders();
  const pieces = follow ? output.followed(events, params.officeId, signal) : output.stored();
  for await (const piece of pieces) {
    if (!(await send(response, piece, signal))) return;
  }
}

/** Waits while the reader is slow. False: it has gone. */
async function send(response: Response, piece: Buffer, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  if (response.write(piece)) return true;
  return once(response, "drain", { signal }).then(
    () => true,
    () => false,
  );
}

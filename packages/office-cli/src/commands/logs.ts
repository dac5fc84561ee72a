import { once } from "node:events";
import type { JobDetails } from "office-contract/api/jobs.ts";
import { isFinal } from "office-contract/vocabulary.ts";
import { pause } from "office-server/platform/timers.ts";
import { isPassing } from "../api/connect.ts";
import { EventStream } from "../api/EventStream.ts";
import { findJob } from "../api/findJob.ts";
import { type OpenOffice, openOffice } from "../api/findOffice.ts";
import { following, LOST } from "../following.ts";
import { isTerminal, type Output, type OutputStream, remark } from "../output.ts";
import { TerminalText } from "../terminalText.ts";
import { UsageError } from "../usageError.ts";

export interface LogsOptions {
  office?: string;
  follow: boolean;
  attempt?: string;
  tail?: string;
}

const RECONNECT_MS = 500;

/** `office logs JOB`: prints what a job's session has written, and with `follow` what it writes. Returns the exit code. */
export async function showLogs(named: string, options: LogsOptions, output: Output): Promise<number> {
  const wanted = options.attempt === undefined ? null : readNumber("--attempt", options.attempt, 1);
  const tail = options.tail === undefined ? null : readNumber("--tail", options.tail, 0);
  const office = await openOffice(options);
  const jobId = await findJob(office, named, output);
  return following(output, async (signal) => {
    const attempt = wanted ?? (await latestAttempt({ office, jobId, follow: options.follow, output, signal }));
    if (attempt === null) return 0;
    const log = new SessionLog({ office, jobId, attempt, signal });
    await log.write(output, { follow: options.follow, tail });
    return 0;
  });
}

interface JobAttempts {
  office: OpenOffice;
  jobId: string;
  follow: boolean;
  output: Output;
  signal: AbortSignal;
}

/** The number of a job's latest attempt; with `follow` its first one is waited for. Null where there is none. */
async function latestAttempt({ office, jobId, follow, output, signal }: JobAttempts): Promise<number | null> {
  const { client, officeId } = office;
  const getJob = (): Promise<JobDetails> => client.call("getJob", { params: { officeId, jobId } }, signal);
  const job = await getJob();
  if (job.attempt > 0) return job.attempt;
  const name = job.key ?? job.id;
  if (!follow || isFinal(job.status)) {
    remark(output, `${name} has written nothing: it is ${job.status}, and never started`);
    return null;
  }
  remark(output, `${name} is ${job.status}; waiting for its start …`);
  const onCut = (): void => remark(output, LOST);
  const events = await EventStream.open({ client, officeId, signal, onCut });
  // It may have started since it was asked for.
  const { attempt, status } = await getJob();
  if (attempt > 0 || isFinal(status)) return attempt > 0 ? attempt : null;
  for await (const batch of events.batches()) {
    for (const { job_id: id, type, attempt: started } of batch) {
      if (id !== jobId) continue;
      if (type === "job_started") return started ?? 1;
      if (type === "job_cancelled" || type === "job_failed") {
        remark(output, `${name} ended without a start: ${type.replace("job_", "")}`);
        return null;
      }
    }
  }
  return null;
}

interface LogPlace {
  office: OpenOffice;
  jobId: string;
  attempt: number;
  signal: AbortSignal;
}

/** What one session writes. */
class SessionLog {
  readonly #place: LogPlace;
  readonly #text = new TerminalText();
  #writtenBytes = 0;

  constructor(place: LogPlace) {
    this.#place = place;
  }

  /** Writes it out, through broken connections too. Resolves at its end: with `follow`, at the session's. */
  async write(output: Output, { follow, tail }: { follow: boolean; tail: number | null }): Promise<void> {
    let response = await this.#open(follow, tail);
    let skipBytes = 0;
    while (!(await this.#copy(response, output.stdout, skipBytes))) {
      this.#place.signal.throwIfAborted();
      // After its whole beginning we know where we are. After a part of it only what comes from now on can be had.
      skipBytes = tail === null ? this.#writtenBytes : 0;
      response = await this.#openAgain(follow, tail === null ? null : 0, () => remark(output, LOST));
    }
  }

  #open(follow: boolean, tail: number | null): Promise<Response> {
    const { office, jobId, attempt, signal } = this.#place;
    const query = { attempt, ...(follow && { follow: "1" as const }), ...(tail !== null && { tail }) };
    return office.client.open("getJobLogs", { params: { officeId: office.officeId, jobId }, query }, signal);
  }

  async #openAgain(follow: boolean, tail: number | null, onFailure: () => void): Promise<Response> {
    for (let failures = 0; ; failures++) {
      await pause(RECONNECT_MS);
      try {
        return await this.#open(follow, tail);
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (failures === 0) onFailure();
      }
    }
  }

  /** Whether the body came to its end; false where it broke off. */
  async #copy({ body }: Response, stdout: OutputStream, skipBytes: number): Promise<boolean> {
    if (body === null) return true;
    let leftToSkip = skipBytes;
    const reader = body.getReader();
    try {
      for (;;) {
        const chunk = await reader.read().catch(() => null);
        if (chunk === null) return false;
        if (chunk.done) return true;
        const bytes = chunk.value.subarray(Math.min(leftToSkip, chunk.value.length));
        leftToSkip -= chunk.value.length - bytes.length;
        this.#writtenBytes += bytes.length;
        const text = isTerminal(stdout) ? this.#text.next(bytes) : bytes;
        if (!stdout.write(text)) await once(stdout, "drain", { signal: this.#place.signal });
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  }
}

function readNumber(option: string, text: string, min: 0 | 1): number {
  const number = Number(text);
  if (/^\d{1,9}$/.test(text) && number >= min) return number;
  throw new UsageError(`${option} takes a whole number from ${min}; "${text}" is none`);
}

import { ApiError } from "office-contract/api/client.ts";
import type { JobEvent } from "office-contract/events.ts";
import { EventStream, type EventStreamOptions } from "../api/EventStream.ts";
import { openOffice } from "../api/findOffice.ts";
import { describeEvent } from "../eventLine.ts";
import { following, LOST } from "../following.ts";
import { type Output, remark, writeJson, writeLines } from "../output.ts";
import { UsageError } from "../usageError.ts";

export interface EventsOptions {
  office?: string;
  follow: boolean;
  after?: string;
  json: boolean;
}

const LOOKED_BACK = [50, 20, 5, 1];

/** `office events`: prints an office's newest events, or those after one, and with `follow` goes on. Returns the exit code. */
export async function showEvents(options: EventsOptions, output: Output): Promise<number> {
  const after = options.after === undefined ? undefined : readSeq(options.after);
  const office = await openOffice(options);
  return following(output, async (signal) => {
    const streamOptions = { ...office, signal, onCut: () => remark(output, LOST) };
    if (options.follow) {
      const stream = await EventStream.open({ ...streamOptions, ...(after !== undefined && { after }) });
      for await (const events of stream.batches()) write(events, options, output);
      return 0;
    }
    const newest = await EventStream.newest(streamOptions);
    const stream = await openBefore(newest, after, streamOptions);
    if (stream === null) {
      remark(output, "no events");
      return 0;
    }
    for await (const events of stream.batches()) {
      write(events, options, output);
      if ((events.at(-1)?.seq ?? 0) >= newest) break;
    }
    return 0;
  });
}

/** The events after one, or the newest, as many of them as are kept. Null where there are none. */
async function openBefore(
  newest: number,
  after: number | undefined,
  options: EventStreamOptions,
): Promise<EventStream | null> {
  if (newest === 0 || (after !== undefined && after >= newest)) return null;
  if (after !== undefined) return EventStream.open({ ...options, after });
  for (const count of LOOKED_BACK) {
    try {
      return await EventStream.open({ ...options, after: Math.max(newest - count, 0) });
    } catch (error) {
      if (!(error instanceof ApiError) || error.problem.code !== "events_expired") throw error;
    }
  }
  return null;
}

function write(events: readonly JobEvent[], { json }: EventsOptions, { stdout }: Output): void {
  if (json) writeJson(stdout, ...events);
  else writeLines(stdout, events.map(describeEvent));
}

function readSeq(text: string): number {
  const seq = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seq)) return seq;
  throw new UsageError(`--after takes the number of an event, from 0; "${text}" is none`);
}

import type { JobEvent } from "office-contract/events.ts";
import { EventStream } from "../api/EventStream.ts";
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

/** `office events`: prints an office's events as they come, or those that there are. Returns the exit code. */
export async function showEvents(options: EventsOptions, output: Output): Promise<number> {
  const after = options.after === undefined ? undefined : readSeq(options.after);
  const { client, officeId } = await openOffice(options);
  return following(output, async (signal) => {
    const write = (events: readonly JobEvent[]): void => {
      if (options.json) writeJson(output.stdout, ...events);
      else writeLines(output.stdout, events.map(describeEvent));
    };
    const stream = await EventStream.open({
      client,
      officeId,
      signal,
      ...(after !== undefined && { after }),
      onCut: () => remark(output, LOST),
    });
    for await (const events of stream.batches()) write(events);
    return 0;
  });
}

function readSeq(text: string): number {
  const seq = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seq)) return seq;
  throw new UsageError(`--after takes the number of an event, from 0; "${text}" is none`);
}

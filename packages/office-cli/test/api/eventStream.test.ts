import type { JobEvent } from "office-contract/events.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EventStream } from "../../src/api/EventStream.ts";
import { UnreachableError } from "../../src/api/connect.ts";
import { makeEvents, makeRun } from "../run/factories.ts";
import { type Answer, clientOf, OFFICE_ID, problem } from "../support/api.ts";

beforeEach(() => {
  vi.useFakeTimers().setTimerTickMode("nextTimerAsync");
});
afterEach(() => {
  vi.useRealTimers();
});

const makeEvent = makeEvents(makeRun([{ key: "a" }]));
const log: JobEvent[] = Array.from({ length: 9 }, () => makeEvent(1, "job_ready", "a"));
const asText = ({ seq, type, ...rest }: JobEvent): string =>
  `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify({ seq, type, ...rest })}\n\n`;

/** A body that ends after some text, as if the connection had been closed, or breaks. */
const body = (text: string, end: "closed" | "broken" = "closed"): Response => {
  const pieces = [text.slice(0, 7), text.slice(7)];
  return new Response(
    new ReadableStream({
      pull(controller) {
        const piece = pieces.shift();
        if (piece !== undefined) controller.enqueue(Buffer.from(piece));
        else if (end === "closed") controller.close();
        else controller.error(new TypeError("terminated"));
      },
    }),
  );
};

/** A stream of events whose connections are answered one after the other. */
function setup(answers: readonly Answer[], after?: number) {
  const asked: (string | null)[] = [];
  const abort = new AbortController();
  let cuts = 0;
  const left = [...answers];
  const options = {
    client: clientOf((request) => {
      asked.push(request.headers.get("last-event-id"));
      const answer = left.shift();
      if (answer === undefined) throw new Error("no answer is left");
      return answer(request);
    }),
    officeId: OFFICE_ID,
    signal: abort.signal,
    onCut: () => {
      cuts += 1;
    },
    ...(after !== undefined && { after }),
  };
  /** The first so many events. */
  const read = async (count: number): Promise<number[]> => {
    const stream = await EventStream.open(options);
    const seqs: number[] = [];
    for await (const events of stream.batches()) {
      seqs.push(...events.map(({ seq }) => seq));
      if (seqs.length >= count) break;
    }
    return seqs;
  };
  return { read, asked, abort, options, cuts: () => cuts };
}

const events = (from: number, to: number): string =>
  log
    .slice(from - 1, to)
    .map(asText)
    .join("");

describe("a stream of events", () => {
  test("goes on where it was cut, with none missed and none twice", async () => {
    const { read, asked, cuts } = setup(
      [() => body(events(3, 5)), () => body(events(5, 6), "broken"), () => body(events(7, 9))],
      2,
    );
    expect(await read(7)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(asked).toEqual(["2", "5", "6"]);
    expect(cuts()).toBe(0);
  });

  test("that is cut in the middle of an event gets it whole the next time", async () => {
    const half = events(1, 2).slice(0, -20);
    const { read } = setup([() => body(half, "broken"), () => body(events(2, 3))], 0);
    expect(await read(3)).toEqual([1, 2, 3]);
  });

  test("that is cut before its first event goes on from where it began", async () => {
    const { read, asked } = setup([() => body("retry: 2000\nid: 4\n\n"), () => body(events(5, 6))]);
    expect(await read(2)).toEqual([5, 6]);
    expect(asked).toEqual([null, "4"]);
  });

  test("waits while nobody answers, and says so once", async () => {
    const { read, cuts } = setup(
      [
        () => body(events(1, 1)),
        () => Promise.reject(new UnreachableError("http://api.test", new Error("refused"))),
        () => problem(503, "database_unavailable", "not now"),
        () => problem(429, "too_many_requests", "later"),
        () => body(events(2, 2)),
      ],
      0,
    );
    expect(await read(2)).toEqual([1, 2]);
    expect(cuts()).toBe(1);
  });

  test("ends with what will not get better", async () => {
    const { read } = setup([() => body(events(1, 1)), () => problem(410, "events_expired", "too old")], 0);
    await expect(read(2)).rejects.toThrow("too old");
  });

  test("is not begun where nobody answers", async () => {
    const { read } = setup([() => Promise.reject(new UnreachableError("http://api.test", new Error("refused")))]);
    await expect(read(1)).rejects.toThrow("nothing answers at http://api.test (refused)");
  });

  test("ends when it is told to", async () => {
    const { read, abort } = setup([
      () => {
        abort.abort();
        return body("");
      },
    ]);
    await expect(read(1)).rejects.toThrow("aborted");
  });
});

test("the newest event is where a stream begins", async () => {
  const { options } = setup([() => body("retry: 2000\nid: 41\n\n")]);
  expect(await EventStream.newest(options)).toBe(41);
});

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { EventStream } from "office-server/api/events/EventStream.ts";
import { eventHandlers } from "office-server/api/events/events.ts";
import type { ApiContext, Call } from "office-server/api/handler.ts";
import { Announcer } from "office-server/db/wakeups.ts";
import { createLogger } from "office-server/platform/log.ts";
import { EventHub } from "office-server/services/events/EventHub.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { problemIn, setupApi, setupFileApi } from "../../../../test/support/api.ts";
import { setup, sql } from "../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../test/support/testOffice.ts";
import { jobs, upTo } from "../services/events/hubWorld.ts";
import { openStream, type StreamReader } from "../services/events/streamReader.ts";

describe("an office's events", () => {
  const api = setupFileApi();

  async function setupStream() {
    const { url, token, createOffice, database, request } = api();
    const office = await createOffice();
    const announcer = new Announcer(database, "another process");
    const open = (query = "", headers: Record<string, string> = {}, followed: TestOffice = office) =>
      openStream(`${url}/api/offices/${followed.id}/events${query}`, { authorization: `Bearer ${token}`, ...headers });
    const path = `/api/offices/${office.id}/events`;
    return { office, open, request, path, announce: () => announcer.announce([office.id]) };
  }

  test("come as a stream that nothing in between keeps, each with its id, type and data", async () => {
    const { office, open } = await setupStream();
    await office.submit({ a: {} });
    const stream = await open("?after=0");
    await stream.whenSeq(2);
    expect(stream.response.statusCode).toBe(200);
    expect(stream.response.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
      "transfer-encoding": "chunked",
    });
    expect(stream.response.headers).not.toHaveProperty("content-encoding");
    expect(stream.response.headers).not.toHaveProperty("retry-after");
    const events = await office.events();
    const frames = events.map((event) => `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    expect(stream.text).toBe(`retry: 2000\nid: 0\n\n${frames.join("")}`);
  });

  test("are those from now on, unless a place is named; the one that a client remembers goes before the address", async () => {
    const { office, open, announce } = await setupStream();
    await office.submit(jobs(2));
    const fresh = await open();
    const placed = await open("?after=1");
    const back = await open("?after=1", { "last-event-id": "3" });
    await office.submit(jobs(1, "next"));
    announce();
    await Promise.all([fresh, placed, back].map((stream) => stream.whenSeq(6)));
    expect(fresh.seqs).toEqual([5, 6]);
    expect(placed.seqs).toEqual(upTo(6, 2));
    expect(back.seqs).toEqual(upTo(6, 4));
  });

  test("have no gap for one who comes back again and again while much is written", async () => {
    const { office, open, announce } = await setupStream();
    const seen: number[] = [];
    const last = 2 * 40 * 5;
    const write = async () => {
      for (let round = 0; round < 40; round += 1) {
        await office.submit(jobs(5, `round${round}-`));
        announce();
      }
    };
    const read = async () => {
      while (seen.at(-1) !== last) {
        const stream = await open("", { "last-event-id": String(seen.at(-1) ?? 0) });
        await stream.when(({ events }) => events.length > 0);
        stream.leave();
        seen.push(...stream.seqs);
      }
    };
    await Promise.all([write(), read()]);
    expect(seen).toEqual(upTo(last));
  });

  test("are 410 where they are no longer kept, or of another log", async () => {
    const { office, request, path } = await setupStream();
    await office.submit(jobs(3));
    await sql(office, "DELETE FROM job_events WHERE office_id = $1 AND seq <= 4", [office.id]);
    for (const answer of [
      await request("GET", `${path}?after=3`),
      await request("GET", path, { headers: { "last-event-id": "0" } }),
      await request("GET", `${path}?after=7`),
    ]) {
      expect(answer.status).toBe(410);
      expect(problemIn(answer).code).toBe("events_expired");
    }
  });

  test.each(["?after=", "?after=-1", "?after=1.5", "?after=x", "?after=9007199254740992", "?before=1"])(
    "are 400 for %s",
    async (query) => {
      const { request, path } = await setupStream();
      expect(problemIn(await request("GET", path + query)).code).toBe("invalid_request");
    },
  );

  test("are for those who may read them", async () => {
    const { office, request, path } = await setupStream();
    const other = await api().createKey((await api().createOffice()).id);
    expect((await request("GET", path, { token: other })).status).toBe(404);
    expect((await request("GET", path, { token: null })).status).toBe(401);
    const own = await api().createKey(office.id, "read");
    const stream = await openStream(`${api().url}${path}`, { authorization: `Bearer ${own}` });
    expect(stream.response.statusCode).toBe(200);
  });

  test("end when the office is deleted", async () => {
    const { office, open, request, announce } = await setupStream();
    await office.submit({ a: {} });
    await office.cancel("a");
    const stream = await open();
    const { status } = await request("DELETE", `/api/offices/${office.id}`);
    expect(status).toBe(204);
    announce();
    await stream.when(({ ended }) => ended);
    expect(stream.response.complete).toBe(true);
  });

  test("are answered to HEAD without a stream", async () => {
    const { request, path } = await setupStream();
    const { status, text } = await request("HEAD", path);
    expect([status, text]).toEqual([200, ""]);
  });
});

test("streams end with the API", async () => {
  const { url, token, createOffice, server } = await setupApi();
  const office = await createOffice();
  const authorization = `Bearer ${token}`;
  const stream = await openStream(`${url}/api/offices/${office.id}/events`, { authorization });
  await server.stop();
  await stream.when(({ ended }) => ended);
  expect(stream.events).toEqual([]);
});

/** The handler by itself, with a hub that can be looked at. */
async function setupHandler(options: { followersMax?: number; bytesPerSecond?: number } = {}) {
  const world = await setup();
  const office = await world.createOffice();
  const events = new EventHub({
    database: world.database,
    log: createLogger("silent"),
    tickIntervalMs: 0,
    ...options,
  });
  await events.start();
  const app = express();
  const closings: { count: number; resolve: () => void }[] = [];
  let closed = 0;
  app.get("/", (request, response, fail) => {
    response.on("close", () => {
      closed += 1;
      for (const { count, resolve } of closings) if (closed >= count) resolve();
    });
    const call = { params: { officeId: office.id }, query: {}, headers: {}, request, response };
    eventHandlers.streamEvents({ events } as ApiContext, call as Call<"streamEvents">).catch(fail);
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const announcer = new Announcer(world.database, "another process");
  onTestFinished(async () => {
    await events.stop();
    server.closeAllConnections();
    server.close();
  });
  return {
    ...world,
    office,
    events,
    announce: () => announcer.announce([office.id]),
    open: () => openStream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    /** Resolves when so many connections have ended. */
    async whenClosed(count: number): Promise<void> {
      if (closed >= count) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      closings.push({ count, resolve });
      await promise;
    },
  };
}

test("nothing is left of a client that went away", async () => {
  const { events, open, whenClosed } = await setupHandler();
  const streams = await Promise.all(upTo(20).map(() => open()));
  expect(events.followers).toBe(20);
  for (const stream of streams.slice(5)) stream.leave();
  await whenClosed(15);
  expect(events.followers).toBe(5);
});

test("a client that takes nothing for a while gets everything in the end, and holds up nobody", async () => {
  const { office, open, announce } = await setupHandler({ bytesPerSecond: 1e12 });
  const [slow, quick] = [await open(), await open()];
  slow.hesitate();
  const write = async (from: number, to: number): Promise<void> => {
    await sql(
      office,
      `INSERT INTO job_events (office_id, seq, type, job_id, role, "timestamp", details)
       SELECT $1, n, 'job_created', gen_random_uuid(), 'BE', now(), jsonb_build_object('text', repeat('x', 10000))
       FROM generate_series($2::int, $3::int) AS n`,
      [office.id, from, to],
    );
    announce();
  };
  // Some 30 MB: more than what any buffer on the way would take.
  const last = 3_000;
  for (let from = 1; from <= last; from += 500) {
    await write(from, from + 499);
    await quick.whenSeq(from + 499);
  }
  expect(slow.seqs.length).toBeLessThan(last);
  slow.goOn();
  await slow.whenSeq(last);
  expect(slow.seqs).toEqual(upTo(last));
});

test("those who are too many are told when to come again", async () => {
  const { open } = await setupHandler({ followersMax: 1 });
  await open();
  const refused = await open();
  // What is thrown is turned into a problem by the API around it.
  expect(refused.response.headers["retry-after"]).toBe("10");
});

test("an idle stream shows that it is alive", async () => {
  const server = createServer((_request, response) => {
    const app = Object.assign(response, {
      status: () => app,
      set: (headers: Record<string, string>) => {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        return app;
      },
    });
    new EventStream(app as never, { heartbeatMs: 5 }).open(7, () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const stream: StreamReader = await openStream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await stream.when(({ text }) => text.length > 30);
  expect(stream.text).toMatch(/^retry: 2000\nid: 7\n\n(:\n\n)+$/);
});

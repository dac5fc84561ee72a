import { describe, expect, test } from "vitest";
import { setup, setupFile, sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

/** An office whose clock the test moves: it has one connection, and the shift is the connection's. */
const createOffice = () => world().createOffice({}, world().connect(1));
const shiftClock = (office: TestOffice, offset: string) =>
  sql(office, "SELECT set_config('office.clock_offset', $1, false)", [offset]);

describe("a retry", () => {
  test("waits until its time has come by the database's clock", async () => {
    const office = await createOffice();
    await office.submit({ a: {} });
    await office.retryLater(await office.claimOne(), 3_600_000);
    await expect(office.claim()).resolves.toEqual(new Map());
    await shiftClock(office, "59 minutes");
    await expect(office.claim()).resolves.toEqual(new Map());
    await shiftClock(office, "61 minutes");
    const { activated, claimed } = await office.pass();
    expect([activated, claimed.map(({ attempt }) => attempt)]).toEqual([1, [2]]);
    await expect(office.job("a")).resolves.toMatchObject({ run_at: null });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("that is due waits on for a dependency that is done anew, and starts when that is done", async () => {
    const office = await createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.finish(await office.claimOne());
    const b = await office.claimOne();
    await office.retry(["a"]);
    await office.retryLater(b, 60_000);
    await shiftClock(office, "1 hour");
    const a = await office.claimOne();
    expect(a.key).toBe("a");
    await expect(office.job("b")).resolves.toMatchObject({ status: "pending", unmet_count: 1 });
    expect((await office.finish(a)).activated).toBe(1);
    expect((await office.claimOne()).key).toBe("b");
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("whose dependency is done before its time waits on for its time", async () => {
    const office = await createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.finish(await office.claimOne());
    const b = await office.claimOne();
    await office.retry(["a"]);
    await office.retryLater(b, 60_000);
    expect((await office.finish(await office.claimOne())).activated).toBe(0);
    await expect(office.job("b")).resolves.toMatchObject({ status: "pending", unmet_count: 0 });
    await shiftClock(office, "1 hour");
    expect((await office.claimOne()).key).toBe("b");
  });

  test("that is asked for explicitly does not wait", async () => {
    const office = await createOffice();
    await office.submit({ a: {} });
    await office.retryLater(await office.claimOne(), 60_000);
    await office.cancel("a");
    await office.retry(["a"]);
    expect((await office.claimOne()).attempt).toBe(2);
  });
});

test("what is recorded carries the database's time", async () => {
  const office = await createOffice();
  await shiftClock(office, "100 years");
  await office.submit({ a: {} });
  await office.finish(await office.claimOne());
  const job = await office.job("a");
  const years = [
    job.started_at,
    job.completed_at,
    ...(await office.events()).map(({ timestamp }) => new Date(timestamp)),
  ];
  const [row] = await sql<{ year: number }>(
    office,
    "SELECT extract(year FROM now() + interval '100 years')::integer AS year",
  );
  expect(new Set(years.map((date) => date?.getUTCFullYear()))).toEqual(new Set([row?.year]));
});

test("a whole database can be shifted: what a new connection finds due, an old one does not", async () => {
  const { url, connect, createOffice: createOwn } = await setup();
  const before = connect(1);
  const office = await createOwn({}, before);
  await office.submit({ a: {} });
  await office.retryLater(await office.claimOne(), 3_600_000);
  const name = new URL(url).pathname.slice(1);
  await sql(office, `ALTER DATABASE ${name} SET office.clock_offset = '2 hours'`);
  await expect(office.claim()).resolves.toEqual(new Map());
  Object.assign(office, { database: connect(1) });
  expect((await office.claimOne()).attempt).toBe(2);
});

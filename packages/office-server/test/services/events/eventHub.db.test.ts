import type { Database } from "office-server/db/connection.ts";
import { expect, test } from "vitest";
import { TestOffice } from "../../../../../test/support/testOffice.ts";
import { type Follower, jobs, setupHub, upTo } from "./hubWorld.ts";

test("from the beginning, from a place, or from now on: each event once, in order", async () => {
  const { office, follow, announce } = await setupHub();
  await office.submit(jobs(2));
  const [all, some, none] = [await follow(0), await follow(3), await follow(null)];
  await Promise.all([all.whenSeq(4), some.whenSeq(4)]);
  await office.submit(jobs(1, "later"));
  announce();
  await Promise.all([all, some, none].map((follower) => follower.whenSeq(6)));
  expect(all.seqs).toEqual(upTo(6));
  expect(some.seqs).toEqual(upTo(6, 4));
  expect(none.seqs).toEqual([5, 6]);
  expect(all.events).toEqual(await office.events());
});

test("those who come while much is written miss nothing", async () => {
  const { office, follow, announce, connect } = await setupHub();
  const followers: Follower[] = [];
  const others = [connect(1), connect(1)];
  const write = async (database: Database, name: string) => {
    for (let round = 0; round < 30; round += 1) {
      await new TestOffice(database, office.id).submit(jobs(3, `${name}${round}`));
      announce();
    }
  };
  const come = async () => {
    for (let count = 0; count < 30; count += 1) {
      const [event] = await office.events(0);
      followers.push(await follow(event === undefined ? null : count % 2 === 0 ? 0 : null));
    }
  };
  await Promise.all([...others.map((database, index) => write(database, `w${index}-`)), come()]);
  // Some may have come after all of that.
  await office.submit(jobs(1, "last"));
  announce();
  const last = (2 * 30 * 3 + 1) * 2;
  await Promise.all(followers.map((follower) => follower.whenSeq(last)));
  for (const { seqs } of followers) expect(seqs).toEqual(upTo(last, seqs[0]));
});

test("an event is read once and put into words once for all who follow", async () => {
  const { office, follow, announce, watched } = await setupHub();
  const followers = await Promise.all(upTo(100).map(() => follow(null)));
  await office.submit(jobs(1));
  announce();
  await Promise.all(followers.map((follower) => follower.whenSeq(2)));
  watched.asked.length = 0;
  await office.submit(jobs(1, "next"));
  announce();
  await Promise.all(followers.map((follower) => follower.whenSeq(4)));
  expect(watched.asked).toEqual(["events_after"]);
  expect(new Set(followers.map(({ pages }) => pages.at(-1))).size).toBe(1);
});

test("one who takes nothing for a while holds up nobody, and goes on from where it was", async () => {
  const { office, follow, announce, watched } = await setupHub();
  const [slow, quick] = [await follow(null), await follow(null)];
  slow.hesitate();
  await office.submit(jobs(1));
  announce();
  await Promise.all([slow.whenSeq(2), quick.whenSeq(2)]);
  // More than is kept for those who fall behind.
  for (let round = 0; round < 3; round += 1) {
    await office.submit(jobs(2_000, `round${round}-`));
    announce();
    await quick.whenSeq(2 + (round + 1) * 4_000);
  }
  expect(slow.seqs).toEqual([1, 2]);
  slow.goOn();
  await slow.whenSeq(12_002);
  expect(slow.seqs).toEqual(upTo(12_002));
  expect(Math.max(...slow.pages.map(({ events }) => events.length))).toBeLessThanOrEqual(1_000);
  watched.asked.length = 0;
  await office.submit(jobs(1, "last"));
  announce();
  await Promise.all([slow.whenSeq(12_004), quick.whenSeq(12_004)]);
  expect(watched.asked).toEqual(["events_after"]);
});

test("one who falls behind a little is helped from memory", async () => {
  const { office, follow, announce, watched } = await setupHub();
  const [slow, quick] = [await follow(null), await follow(null)];
  slow.hesitate();
  for (let round = 1; round <= 3; round += 1) {
    await office.submit(jobs(1, `round${round}`));
    announce();
    await quick.whenSeq(round * 2);
  }
  watched.asked.length = 0;
  slow.goOn();
  await slow.whenSeq(6);
  expect(slow.seqs).toEqual(upTo(6));
  expect(watched.asked).toEqual([]);
});

test("what nobody announces is found by the tick", async () => {
  const { office, follow } = await setupHub({ tickIntervalMs: 10 });
  const follower = await follow(null);
  await office.submit(jobs(1));
  await follower.whenSeq(2);
  expect(follower.seqs).toEqual([1, 2]);
});

test("offices that nobody follows are not read", async () => {
  const { office, createOffice, follow, announce, watched } = await setupHub();
  const other = await createOffice();
  const follower = await follow(null);
  const left = await follow(null, other);
  left.leave();
  await other.submit(jobs(1));
  watched.asked.length = 0;
  announce(other);
  await office.submit(jobs(1));
  announce(office);
  await follower.whenSeq(2);
  expect(watched.asked).toEqual(["events_after"]);
  expect(left.seqs).toEqual([]);
});

test("trouble with the database is waited out, by those at the end and by those on their way", async () => {
  const { office, follow, announce, watched } = await setupHub();
  await office.submit(jobs(1));
  const early = await follow(0);
  await early.whenSeq(2);
  const { promise: refused, resolve } = Promise.withResolvers<void>();
  let left = 2;
  watched.refuses = (name) => {
    if (name !== "events_after" || left === 0) return false;
    left -= 1;
    if (left === 0) resolve();
    return true;
  };
  const late = await follow(0);
  await office.submit(jobs(1, "next"));
  announce();
  await refused;
  await Promise.all([early.whenSeq(4), late.whenSeq(4)]);
  expect(early.seqs).toEqual(upTo(4));
  expect(late.seqs).toEqual(upTo(4));
});

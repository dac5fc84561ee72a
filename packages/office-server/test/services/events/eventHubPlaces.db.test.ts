import { Refusal } from "office-server/domain/refusal.ts";
import { describe, expect, test } from "vitest";
import { sql } from "../../../../../test/support/scheduler.ts";
import { jobs, setupHub } from "./hubWorld.ts";

describe("a place", () => {
  const expired = { code: "events_expired" };

  test("is refused when events after it are gone", async () => {
    const { office, hub } = await setupHub();
    await office.submit(jobs(3));
    await sql(office, "DELETE FROM job_events WHERE seq <= 4");
    await expect(hub.place(office.id, 3)).rejects.toMatchObject(expired);
    await expect(hub.place(office.id, 0)).rejects.toThrow(Refusal);
    await expect(hub.place(office.id, 4)).resolves.toBe(4);
    await expect(hub.place(office.id, 6)).resolves.toBe(6);
    await expect(hub.place(office.id, null)).resolves.toBe(6);
  });

  test("past the newest event is refused: it is of another log", async () => {
    const { office, hub } = await setupHub();
    await expect(hub.place(office.id, 0)).resolves.toBe(0);
    await expect(hub.place(office.id, 1)).rejects.toMatchObject(expired);
  });

  test("that expires while somebody is on the way from it ends that", async () => {
    const { office, follow, announce } = await setupHub();
    await office.submit(jobs(300));
    const slow = await follow(0);
    slow.hesitate();
    const quick = await follow(null);
    await slow.when(({ events }) => events.length > 0);
    const seen = slow.seqs.length;
    expect(seen).toBeLessThan(600);
    await sql(office, "DELETE FROM job_events WHERE seq < 600");
    await office.submit(jobs(1, "next"));
    announce();
    await quick.whenSeq(602);
    slow.goOn();
    await slow.when(({ ended }) => ended);
    expect(slow.seqs).toHaveLength(seen);
  });
});

test("the end of an office ends it for those who follow it", async () => {
  const { office, createOffice, follow, announce, hub } = await setupHub();
  const other = await createOffice();
  await office.submit(jobs(1));
  const [gone, stays] = [await follow(null), await follow(null, other)];
  await sql(office, "DELETE FROM offices WHERE id = $1", [office.id]);
  announce();
  await gone.when(({ ended }) => ended);
  expect(stays.ended).toBe(false);
  expect(hub.followers).toBe(1);
});

test("there is a limit to how many follow, and who leaves makes room", async () => {
  const { follow, hub } = await setupHub({ followersMax: 2 });
  const [first] = [await follow(null), await follow(null)];
  await expect(follow(null)).rejects.toMatchObject({ code: "too_many_requests" });
  first.leave();
  first.leave();
  await follow(null);
  expect(hub.followers).toBe(2);
});

test("its end is the end for all, and may be asked for twice", async () => {
  const { follow, hub } = await setupHub();
  const follower = await follow(null);
  await hub.stop();
  await hub.stop();
  expect(follower.ended).toBe(true);
  expect(hub.followers).toBe(0);
  await expect(follow(null)).rejects.toThrow(Refusal);
});

test("others may hear of changes in an office too", async () => {
  const { office, createOffice, hub, announce } = await setupHub();
  const other = await createOffice();
  const { promise: heard, resolve } = Promise.withResolvers<void>();
  let wrong = 0;
  const off = hub.onChange(other.id, () => (wrong += 1));
  hub.onChange(office.id, resolve);
  announce(office);
  await heard;
  off();
  expect(wrong).toBe(0);
});

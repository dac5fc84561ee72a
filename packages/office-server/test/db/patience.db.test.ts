import { Database } from "office-server/db/connection.ts";
import { askForPass } from "office-server/db/passRequests.ts";
import { lockOffices } from "office-server/db/transitions/lockOffices.ts";
import { runPass } from "office-server/db/transitions/runPass.ts";
import { Listener, type Wakeup } from "office-server/db/wakeups.ts";
import { newId } from "office-server/platform/ids.ts";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { DatabaseProxy } from "../../../../test/support/databaseProxy.ts";
import { setup } from "../../../../test/support/scheduler.ts";

const passOf = (officeId: string) => ({
  officeIds: [officeId],
  settlements: [],
  workerId: "worker",
  claimsMax: null,
  taskId: null,
});

describe("nobody is waited for longer than a few seconds", () => {
  test("a transaction of ours that has stopped in the middle gives its office back", async () => {
    const world = await setup();
    const office = await world.createOffice();
    await office.submit({ a: {} });
    const { promise: held, resolve: hold } = Promise.withResolvers<void>();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const stuck = world.connect(1).transaction(async (transaction) => {
      await lockOffices(transaction, [office.id]);
      hold();
      await over;
    });
    await held;
    await expect(runPass(world.database, passOf(office.id))).resolves.toMatchObject({ claimed: [{ key: "a" }] });
    end();
    await expect(stuck).rejects.toThrow("connection");
  });

  test("one whose connection went half-open does as well, and the next statement gets another connection", async () => {
    const world = await setup();
    const office = await world.createOffice();
    await office.submit({ a: {} });
    const proxy = await DatabaseProxy.start(world.url);
    // An operator's own limit, which counts.
    const own = `${proxy.url}?options=-c%20idle_in_transaction_session_timeout=500`;
    const database = new Database({ connectionString: own, schema: world.schema, connectionsMax: 1 });
    onTestFinished(() => database.close());
    const stuck = database.transaction(async (transaction) => {
      await lockOffices(transaction, [office.id]);
      proxy.deafen();
      await transaction.query("", "SELECT 1", [], { timeoutMs: 100 });
    });
    await expect(stuck).rejects.toThrow("timeout");
    await expect(database.query("", "SELECT 1 AS one")).resolves.toEqual([{ one: 1 }]);
    await expect(runPass(world.database, passOf(office.id))).resolves.toMatchObject({ claimed: [{ key: "a" }] });
  });
});

describe("an office that another program keeps locked", () => {
  test("holds up no other one, is named, and goes on when it is let go", async () => {
    const world = await setup();
    const offices = await Promise.all(Array.from({ length: 5 }, () => world.createOffice()));
    const [locked, ...others] = offices;
    if (locked === undefined) throw new Error("there are offices");
    for (const office of offices) await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const holder = new pg.Client({ connectionString: world.url });
    await holder.connect();
    onTestFinished(() => holder.end());
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM offices WHERE id = $1 FOR UPDATE", [locked.id]);

    const worker = await world.startWorker({ onStart: (session) => session.end({ kind: "finished" }) });
    await Promise.all(others.map((office) => world.whenEnded(office, 2)));
    await expect(locked.states()).resolves.toEqual({ a: "ready", b: "pending" });
    await holder.query("COMMIT");
    await world.whenEnded(locked, 2);
    const warnings = worker.warnings.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(warnings).not.toEqual([]);
    for (const warning of warnings) {
      expect(warning).toMatchObject({ level: 40, offices: expect.arrayContaining([locked.id]) });
      expect(warning).not.toHaveProperty("err");
    }
  });
});

describe("a connection that has frozen is let go", () => {
  async function behindProxy() {
    const world = await setup();
    const proxy = await DatabaseProxy.start(world.url);
    const database = new Database({ connectionString: proxy.url, schema: world.schema, connectionsMax: 1 });
    onTestFinished(() => database.close());
    return { proxy, database };
  }

  test("by a listener that stops", async () => {
    const { proxy, database } = await behindProxy();
    const listener = new Listener(database, "me", () => {});
    await listener.start();
    proxy.deafen();
    await expect(listener.stop()).resolves.toBeUndefined();
  });

  test("by who has asked for a pass, as soon as his time is over", async () => {
    const { proxy, database } = await behindProxy();
    const { promise: asked, resolve } = Promise.withResolvers<Wakeup>();
    const listener = new Listener(database, "me", resolve);
    onTestFinished(() => listener.stop());
    await listener.start();
    const answers = askForPass(database, newId(), { workers: 1, timeoutMs: 200 });
    await expect(asked).resolves.toMatchObject({ kind: "pass" });
    proxy.deafen();
    await expect(answers).resolves.toEqual([]);
  });
});

test("a listener that has gone deaf notices, listens anew, and has everything looked at", async () => {
  const world = await setup();
  const proxy = await DatabaseProxy.start(world.url);
  const database = new Database({ connectionString: proxy.url, schema: world.schema, connectionsMax: 1 });
  onTestFinished(() => database.close());
  const { promise: heard, resolve } = Promise.withResolvers<Wakeup>();
  const listener = new Listener(database, "me", resolve, 1_000);
  onTestFinished(() => listener.stop());
  await listener.start();
  proxy.deafen();
  await expect(heard).resolves.toEqual({ kind: "any" });
});

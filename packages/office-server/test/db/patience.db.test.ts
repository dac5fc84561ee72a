import { Database } from "office-server/db/connection.ts";
import { lockOffices } from "office-server/db/transitions/lockOffices.ts";
import { runPass } from "office-server/db/transitions/runPass.ts";
import { Listener, type Wakeup } from "office-server/db/wakeups.ts";
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
    const database = new Database({ connectionString: proxy.url, schema: world.schema, connectionsMax: 1 });
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

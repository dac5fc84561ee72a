import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "office-server/platform/log.ts";
import { ensureFirstKey } from "office-server/services/access/keys.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ApiWorld, problemIn, setupApi, setupFileApi } from "../../../../test/support/api.ts";
import { setup, sql } from "../../../../test/support/scheduler.ts";

const api = setupFileApi();

const list = ({ client }: ApiWorld) => client.call("listKeys", {});

describe("a key", () => {
  test("is created for one office, opens that one alone, and is shown once", async () => {
    const { client, createOffice, clientOf } = api();
    const office = await createOffice();
    const other = await createOffice();
    const key = await client.call("createKey", { body: { name: "decomposer", office_id: office.id } });
    expect(key).toMatchObject({ name: "decomposer", office_id: office.id, access: "write", revoked_at: null });
    expect(key.token).toMatch(/^ofk_[\w-]{43}$/);
    await clientOf(key.token).call("getOffice", { params: { officeId: office.id } });
    await expect(clientOf(key.token).call("getOffice", { params: { officeId: other.id } })).rejects.toThrow(other.id);
    const listed = await list(api());
    expect(listed.keys.find(({ id }) => id === key.id)).not.toHaveProperty("token");
    expect(JSON.stringify(listed)).not.toContain(key.token);
  });

  test("is stored as nothing that opens anything", async () => {
    const { token, ...key } = await api().client.call("createKey", { body: { name: "stored" } });
    const rows = await sql<{ text: string }>(api(), "SELECT k::text AS text FROM scheduler_keys k WHERE id = $1", [
      key.id,
    ]);
    expect(rows[0]?.text).not.toContain(token.slice(4));
  });

  test("for an office that is not there is refused", async () => {
    const json = { name: "x", office_id: "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10" };
    expect(problemIn(await api().request("POST", "/api/keys", { json })).code).toBe("not_found");
  });

  test("opens nothing from the moment it is revoked, in this process", async () => {
    const { client, clientOf } = api();
    const key = await client.call("createKey", { body: { name: "short-lived" } });
    const own = clientOf(key.token);
    await own.call("listOffices", {});
    await client.call("revokeKey", { params: { keyId: key.id } });
    await expect(own.call("listOffices", {})).rejects.toMatchObject({ problem: { code: "unauthorized" } });
    const again = await client.call("revokeKey", { params: { keyId: key.id } });
    expect(again).toBeNull();
    const { keys } = await list(api());
    expect(keys.find(({ id }) => id === key.id)?.revoked_at).toEqual(expect.any(String));
  });

  test("ends the streams that it has opened when it is revoked", async () => {
    const { client, clientOf, createOffice } = api();
    const office = await createOffice();
    await office.submit({ a: {} });
    await office.claimOne();
    const key = await client.call("createKey", { body: { name: "follower", access: "read" } });
    const own = clientOf(key.token);
    const params = { officeId: office.id };
    const events = await own.open("streamEvents", { params });
    const logs = await own.open("getJobLogs", {
      params: { ...params, jobId: office.idOf("a") },
      query: { follow: "1" },
    });
    const other = await client.open("streamEvents", { params });
    await client.call("revokeKey", { params: { keyId: key.id } });
    await expect(events.text()).rejects.toThrow("terminated");
    await expect(logs.text()).rejects.toThrow("terminated");
    expect(other.body?.locked).toBe(false);
    await other.body?.cancel();
  });

  test("opens nothing a moment after it was revoked elsewhere", async () => {
    const { client, clientOf } = api();
    const key = await client.call("createKey", { body: { name: "revoked elsewhere" } });
    const own = clientOf(key.token);
    await own.call("listOffices", {});
    await sql(api(), "UPDATE scheduler_keys SET revoked_at = now() WHERE id = $1", [key.id]);
    await expect
      .poll(() => own.call("listOffices", {}).catch(({ problem }) => problem.code), { timeout: 10_000 })
      .toBe("unauthorized");
  });

  test("shows when it was last used", async () => {
    const { client, clientOf } = api();
    const key = await client.call("createKey", { body: { name: "used" } });
    await clientOf(key.token).call("listOffices", {});
    const { keys } = await list(api());
    expect(keys.find(({ id }) => id === key.id)?.last_used_at).toEqual(expect.any(String));
  });
});

describe("the last key that can create others", () => {
  test("stays, and says why", async () => {
    const world = await setupApi();
    const { createOffice, createKey, client, request } = world;
    await createKey((await createOffice()).id);
    await createKey(null, "read");
    const { keys } = await list(world);
    const first = keys.find(({ name }) => name === "first key");
    const refused = problemIn(await request("DELETE", `/api/keys/${first?.id}`));
    expect([refused.code, refused.detail]).toEqual(["conflict", expect.stringContaining("create another one first")]);
    await createKey(null);
    await expect(client.call("revokeKey", { params: { keyId: first?.id ?? "" } })).resolves.toBeNull();
  });

  test("stays when all are revoked at the same time", async () => {
    const world = await setupApi();
    for (let count = 0; count < 3; count++) await world.createKey(null);
    const { keys } = await list(world);
    const revoked = await Promise.all(keys.map(({ id }) => world.request("DELETE", `/api/keys/${id}`)));
    const statuses = Map.groupBy(revoked, ({ status }) => status);
    expect(statuses.get(204)?.length).toBeLessThan(keys.length);
    const [left] = await sql<{ left: number }>(
      world,
      "SELECT count(*)::int AS left FROM scheduler_keys WHERE revoked_at IS NULL AND office_id IS NULL AND access = 'write'",
    );
    expect(left?.left).toBeGreaterThanOrEqual(1);
  });
});

describe("the first key", () => {
  const officeHome = (): string => {
    const folder = mkdtempSync(join(tmpdir(), "office-keys-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    return join(folder, "home");
  };
  const silent = createLogger("silent");

  test("is made for its owner alone, and kept", async () => {
    const { database } = await setup();
    const home = officeHome();
    const first = await ensureFirstKey(database, home, silent);
    expect(first).toEqual({ created: true, token: readFileSync(join(home, "token"), "utf8").trim() });
    expect([statSync(home).mode & 0o777, statSync(join(home, "token")).mode & 0o777]).toEqual([0o700, 0o600]);
    await expect(ensureFirstKey(database, home, silent)).resolves.toEqual({ ...first, created: false });
    await expect(sql({ database }, "SELECT 1 FROM scheduler_keys")).resolves.toHaveLength(1);
  });

  test("is one when several processes make it at the same time", async () => {
    const { database } = await setup();
    const home = officeHome();
    const made = await Promise.all(Array.from({ length: 4 }, () => ensureFirstKey(database, home, silent)));
    expect(new Set(made.map(({ token }) => token)).size).toBe(1);
    await expect(sql({ database }, "SELECT 1 FROM scheduler_keys")).resolves.toHaveLength(1);
  });

  test("is taken into another database", async () => {
    const home = officeHome();
    const one = await setup();
    const { token } = await ensureFirstKey(one.database, home, silent);
    const two = await setup();
    await expect(ensureFirstKey(two.database, home, silent)).resolves.toEqual({ token, created: false });
    await expect(sql(two, "SELECT 1 FROM scheduler_keys")).resolves.toHaveLength(1);
  });

  test("stays revoked, which is said", async () => {
    const { database } = await setup();
    const home = officeHome();
    await ensureFirstKey(database, home, silent);
    await sql({ database }, "UPDATE scheduler_keys SET revoked_at = now()");
    const lines: string[] = [];
    await ensureFirstKey(database, home, createLogger("warn", { write: (line: string) => lines.push(line) }));
    expect(lines.join("")).toContain("was revoked");
    await expect(sql({ database }, "SELECT 1 FROM scheduler_keys WHERE revoked_at IS NULL")).resolves.toEqual([]);
  });

  test("that others can read is warned of", async () => {
    const { database } = await setup();
    const home = officeHome();
    await ensureFirstKey(database, home, silent);
    chmodSync(join(home, "token"), 0o644);
    const lines: string[] = [];
    await ensureFirstKey(database, home, createLogger("warn", { write: (line: string) => lines.push(line) }));
    expect(lines.join("")).toContain("can be read by others");
  });

  test("is not made in the place of a file that holds something else", async () => {
    const { database } = await setup();
    const home = officeHome();
    await ensureFirstKey(database, home, silent);
    writeFileSync(join(home, "token"), "hello");
    await expect(ensureFirstKey(database, home, silent)).rejects.toThrow("remove it to have a new one made");
    expect(existsSync(join(home, "token"))).toBe(true);
  });
});

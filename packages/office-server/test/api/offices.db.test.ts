import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type ApiWorld, problemIn, setupFileApi } from "../../../../test/support/api.ts";
import { sql } from "../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../test/support/testOffice.ts";

const api = setupFileApi();

const patch = (office: TestOffice, json: unknown) => api().request("PATCH", `/api/offices/${office.id}`, { json });

/** How an office's roles are run, as it is stored. */
async function rolesOf(world: ApiWorld, officeId: string): Promise<unknown> {
  const [row] = await sql<{ roles: unknown }>(world, "SELECT roles FROM offices WHERE id = $1", [officeId]);
  return row?.roles;
}

describe("an office", () => {
  test("is created with what is said, and shown", async () => {
    const { client } = api();
    const fields = { description: "It sells", github_org: "acme", github_repo: "shop", metadata: { team: 7 } };
    const office = await client.call("createOffice", { body: { name: "a shop", repo_path: "/srv/shop", ...fields } });
    expect(office).toMatchObject({ name: "a shop", repo_path: "/srv/shop", status: "active", roles: [], ...fields });
    await expect(client.call("getOffice", { params: { officeId: office.id } })).resolves.toEqual(office);
  });

  test("has an absolute folder", async () => {
    const { request } = api();
    const refused = problemIn(await request("POST", "/api/offices", { json: { name: "lost", repo_path: "srv/shop" } }));
    expect(refused).toMatchObject({ code: "invalid_request", errors: [{ field: "body.repo_path" }] });
  });

  test("has the default settings", async () => {
    const { client } = api();
    const { id: officeId } = await client.call("createOffice", { body: { name: "by default" } });
    await expect(client.call("getConfig", { params: { officeId } })).resolves.toMatchObject({ maxConcurrentJobs: 3 });
  });

  test("gets no name that another one has", async () => {
    const { client, request } = api();
    const { id } = await client.call("createOffice", { body: { name: "taken" } });
    const second = problemIn(await request("POST", "/api/offices", { json: { name: "taken" } }));
    expect([second.code, second.detail]).toEqual(["conflict", expect.stringContaining(id)]);
    const office = await client.call("createOffice", { body: { name: "free" } });
    const renamed = await request("PATCH", `/api/offices/${office.id}`, { json: { name: "taken" } });
    expect(problemIn(renamed).code).toBe("conflict");
    const same = await request("PATCH", `/api/offices/${id}`, { json: { name: "taken" } });
    expect(same.status).toBe(200);
  });

  test("is created once when 8 ask for it at the same time", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api().request("POST", "/api/offices", { json: { name: "all at once" } })),
    );
    const statuses = Map.groupBy(answers, ({ status }) => status);
    expect([statuses.get(201)?.length, statuses.get(409)?.length]).toEqual([1, 7]);
  });

  test("keeps what a change leaves out, and forgets what it says is null", async () => {
    const { client } = api();
    const body = { name: "changing", description: "old", metadata: { a: 1 }, repo_path: "/srv/a" };
    const { id: officeId } = await client.call("createOffice", { body });
    const params = { officeId };
    const changed = await client.call("patchOffice", { params, body: { description: null, metadata: null } });
    expect(changed).toMatchObject({ name: "changing", description: null, metadata: null, repo_path: "/srv/a" });
  });

  test("runs its roles in folders below its own, and forgets those that a change leaves out", async () => {
    const { client } = api();
    const roles = {
      BE: { command: ["claude", "-p"], stdin: "{{prompt}}", cwd: "api" },
      QA: { runtime: "external" as const, lease: "5m" },
      PO: { timeout: "10m" },
    };
    const { id: officeId } = await client.call("createOffice", { body: { name: "roles", repo_path: "/srv/x", roles } });
    const params = { officeId };
    await expect(rolesOf(api(), officeId)).resolves.toEqual({
      BE: { command: ["claude", "-p"], stdin: "{{prompt}}", cwd: "/srv/x/api", env: {} },
      QA: { runtime: "external", lease_ms: 300_000, cwd: "/srv/x", env: {} },
    });
    const one = { FE: { command: ["codex"], env: { CI: "1" } } };
    await expect(client.call("patchOffice", { params, body: { roles: one } })).resolves.toMatchObject({
      roles: ["FE"],
    });
    await expect(rolesOf(api(), officeId)).resolves.toEqual({
      FE: { command: ["codex"], cwd: "/srv/x", env: { CI: "1" } },
    });
  });

  test("without a folder of its own runs its roles in the API's", async () => {
    const body = { name: "here", roles: { BE: { command: ["true"], cwd: "deep" } } };
    const { id } = await api().client.call("createOffice", { body });
    await expect(rolesOf(api(), id)).resolves.toMatchObject({ BE: { cwd: resolve("deep") } });
  });
});

describe("archiving", () => {
  test("cancels everything that has not ended, in one step with it", async () => {
    const office = await api().createOffice({ maxConcurrentJobs: 1 });
    await office.submit({
      done: {},
      running: { priority: 1 },
      ready: { priority: 2 },
      waits: { depends_on: ["ready"] },
    });
    await office.finish(await office.claimOne());
    const running = await office.claimOne();
    const answer = await patch(office, { status: "archived" });
    expect(JSON.parse(answer.text)).toMatchObject({ status: "archived" });
    await expect(office.states()).resolves.toEqual({
      done: "done",
      running: "cancelled",
      ready: "cancelled",
      waits: "cancelled",
    });
    const execution = (await office.executions()).find(({ id }) => id === running.execution_id);
    expect(execution).toMatchObject({ status: "running", stop_cause: "cancelled" });
    const cancelled = (await office.events()).filter(({ type }) => type === "job_cancelled");
    expect(cancelled).toHaveLength(3);
    await expect(patch(office, { status: "archived" })).resolves.toMatchObject({ status: 200 });
  });

  test("can be taken back, and brings nothing back", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {} });
    await patch(office, { status: "archived" });
    expect(JSON.parse((await patch(office, { status: "active" })).text)).toMatchObject({ status: "active" });
    await expect(office.states()).resolves.toEqual({ a: "cancelled" });
  });
});

test("pausing starts nothing new, and leaves what runs", async () => {
  const office = await api().createOffice({ maxConcurrentJobs: 2 });
  await office.submit({ a: {} });
  const running = await office.claimOne();
  await office.submit({ b: {} });
  await patch(office, { status: "paused" });
  await expect(office.claim()).resolves.toEqual(new Map());
  await office.finish(running);
  await patch(office, { status: "active" });
  await office.claim();
  await expect(office.states()).resolves.toEqual({ a: "done", b: "processing" });
});

describe("deleting", () => {
  test("waits for the end of every session, and then takes all with it", async () => {
    const { client } = api();
    const office = await api().createOffice();
    const params = { officeId: office.id };
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const running = await office.claimOne();
    await office.cancel("a");
    const busy = await api().request("DELETE", `/api/offices/${office.id}`);
    expect(problemIn(busy).code).toBe("office_is_busy");
    await office.finish(running);
    await office.submit({ c: {}, d: { depends_on: ["c"] } });
    await client.call("getStats", { params });
    await client.call("createWebhook", { params, body: { url: "https://93.184.215.14/x" } });
    await expect(client.call("deleteOffice", { params })).resolves.toBeNull();
    const [left] = await sql<Record<string, number>>(
      api(),
      `SELECT (SELECT count(*) FROM offices WHERE id = $1)::int AS offices,
         (SELECT count(*) FROM job_queue WHERE office_id = $1)::int AS jobs,
         (SELECT count(*) FROM job_executions WHERE office_id = $1)::int AS executions,
         (SELECT count(*) FROM job_events WHERE office_id = $1)::int AS events,
         (SELECT count(*) FROM job_counts WHERE office_id = $1)::int AS counts,
         (SELECT count(*) FROM scheduler_webhooks WHERE office_id = $1)::int AS webhooks,
         (SELECT count(*) FROM job_dependencies WHERE job_id = $2)::int AS edges`,
      [office.id, office.idOf("d")],
    );
    expect(left).toEqual({ offices: 0, jobs: 0, executions: 0, events: 0, counts: 0, webhooks: 0, edges: 0 });
    expect(problemIn(await api().request("DELETE", `/api/offices/${office.id}`)).code).toBe("not_found");
  });

  test("ends what the office's own keys open", async () => {
    const { client, createOffice, createKey, clientOf } = api();
    const office = await createOffice();
    const own = clientOf(await createKey(office.id));
    await expect(own.call("listOffices", {})).resolves.toMatchObject({ offices: [{ id: office.id }] });
    await client.call("deleteOffice", { params: { officeId: office.id } });
    await expect(own.call("getOffice", { params: { officeId: office.id } })).rejects.toMatchObject({
      problem: { status: 404 },
    });
  });
});

describe("the list", () => {
  test("has each office once, the newest first, page by page, also when many are of one moment", async () => {
    const world = api();
    const moment = "2031-01-01 00:00:00.123456+00";
    await sql(
      world,
      "INSERT INTO offices (name, created_at) SELECT 'paged', $1::timestamptz + (i / 3) * interval '1 us' FROM generate_series(1, 10) i",
      [moment],
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 4, name: "paged", ...(cursor !== undefined && { cursor }) };
      const page = await world.client.call("listOffices", { query });
      expect(page.offices.length).toBeLessThanOrEqual(4);
      seen.push(...page.offices.map(({ id }) => id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    const inOrder = await sql<{ id: string }>(
      world,
      "SELECT id FROM offices WHERE name = 'paged' ORDER BY created_at DESC, id DESC",
    );
    expect(seen).toEqual(inOrder.map(({ id }) => id));
  });

  test("shows a key of one office that one alone", async () => {
    const { createOffice, createKey, clientOf } = api();
    const office = await createOffice();
    await createOffice();
    for (const access of ["read", "write"] as const) {
      const client = clientOf(await createKey(office.id, access));
      const { offices, next_cursor: next } = await client.call("listOffices", { query: { limit: 1 } });
      expect([offices.map(({ id }) => id), next]).toEqual([[office.id], null]);
    }
  });

  test.each([
    "x",
    "AAAA",
    Buffer.from("2031-02-30 00:00:00+00 0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10").toString("base64url"),
  ])("takes no cursor like %s", async (cursor) => {
    const problem = problemIn(await api().request("GET", `/api/offices?cursor=${cursor}`));
    expect(problem.errors).toMatchObject([{ field: "query.cursor" }]);
  });
});

import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { readPostmaster } from "../../../src/db/embedded/postmaster.ts";
import { statOf } from "../../../src/platform/processIdentity.ts";
import { waitUntil } from "../../../src/platform/waitUntil.ts";
import { query, setup } from "./setup.ts";

const killServer = async (pid: number | undefined): Promise<void> => {
  if (pid === undefined) throw new Error("no server runs");
  process.kill(pid, "SIGKILL");
  await waitUntil(() => (statOf(pid)?.zombie === false ? null : true), { everyMs: 5, timeoutMs: 10_000 });
};

describe("a fresh home", () => {
  test("gets a durable server that speaks UTF-8 and listens to this machine alone", async () => {
    const { acquire, home } = setup();
    const server = await acquire();
    const names = ["fsync", "synchronous_commit", "full_page_writes", "server_encoding", "listen_addresses"];
    const rows = await query(
      server.url,
      names.map((name) => `SELECT current_setting('${name}') AS value`).join(" UNION ALL "),
    );
    expect(rows.map(({ value }) => value)).toEqual(["on", "on", "on", "UTF8", "127.0.0.1"]);
    expect(statSync(home).mode & 0o007).toBe(0);
    expect(statSync(join(home, "postgres.password")).mode & 0o077).toBe(0);
    await server.release();
  });

  test("lets nobody in without the password", async () => {
    const { acquire } = setup();
    const server = await acquire();
    const url = new URL(server.url);
    url.password = "guess";
    await expect(query(url.href, "SELECT 1")).rejects.toThrow("password authentication failed");
    await server.release();
  });

  test("is completed after an interruption while it was made", async () => {
    const { acquire, home } = setup();
    mkdirSync(join(home, "postgres.new-killed", "data"), { recursive: true });
    const server = await acquire();
    expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(readdirSync(home).filter((name) => name.includes(".new"))).toEqual([]);
    await server.release();
  });
});

describe("users of a home", () => {
  test("share one server, and the last one stops it", async () => {
    const { acquire, postmaster } = setup();
    const first = await acquire();
    const second = await acquire();
    expect(second.url).toBe(first.url);
    await first.release();
    await first.release();
    expect(await query(second.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await second.release();
    expect(postmaster()).toBeNull();
  });

  test("that come at the same time, from several processes, share one server", async () => {
    const { start, postmaster } = setup();
    const users = await Promise.all([start(), start(), start()]);
    expect(new Set(users.map(({ url }) => url)).size).toBe(1);
    await Promise.all(users.map(({ release }) => release()));
    expect(postmaster()).toBeNull();
  });

  test("find the server of one that was killed, and stop it in the end", async () => {
    const { start, acquire, postmaster } = setup();
    const killed = await start();
    killed.child.kill("SIGKILL");
    await once(killed.child, "exit");
    const before = postmaster()?.pid;
    const next = await acquire();
    expect(next.url).toBe(killed.url);
    expect(postmaster()?.pid).toBe(before);
    await next.release();
    expect(postmaster()).toBeNull();
  });

  test("leave the server to somebody who is still connected to it", async () => {
    const { acquire, postmaster } = setup();
    const server = await acquire();
    const guest = new pg.Client({ connectionString: server.url });
    await guest.connect();
    await server.release();
    expect(postmaster()?.ready).toBe(true);
    await guest.end();
  });

  test("do not share their terminal with the server", async () => {
    const { acquire, postmaster } = setup();
    const server = await acquire();
    const pid = postmaster()?.pid ?? 0;
    expect(statOf(pid)?.sessionId).toBe(pid);
    await server.release();
  });
});

describe("a server that was killed", () => {
  test("is started again, on the same port, by a user that is left, and its data is there", async () => {
    const { acquire, postmaster } = setup();
    const server = await acquire();
    const { url } = server;
    await query(url, "CREATE TABLE kept AS SELECT 42 AS answer");
    const before = postmaster()?.pid;
    await killServer(before);
    const rows = await waitUntil(() => query(url, "SELECT answer FROM kept").catch(() => null), {
      everyMs: 20,
      timeoutMs: 60_000,
    });
    expect(rows).toEqual([{ answer: 42 }]);
    expect(postmaster()?.pid).not.toBe(before);
    await server.release();
    expect(postmaster()).toBeNull();
  });

  test("is started again by the next user when none is left", async () => {
    const { start, acquire, postmaster } = setup();
    const user = await start();
    await query(user.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    user.child.kill("SIGKILL");
    await once(user.child, "exit");
    await killServer(postmaster()?.pid);
    const next = await acquire();
    expect(await query(next.url, "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
    await next.release();
  });

  test("is not mistaken for the stranger that has its pid now", async () => {
    const { start, acquire, home, postmaster } = setup();
    const user = await start();
    user.child.kill("SIGKILL");
    await once(user.child, "exit");
    await killServer(postmaster()?.pid);
    const pidFile = join(home, "postgres", "postmaster.pid");
    writeFileSync(pidFile, readFileSync(pidFile, "utf8").replace(/^\d+/, String(process.pid)));
    const next = await acquire();
    expect(await query(next.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await next.release();
  });

  test("comes back on another port when a stranger has taken its own", async () => {
    const { start, acquire, postmaster } = setup();
    const user = await start();
    user.child.kill("SIGKILL");
    await once(user.child, "exit");
    const port = postmaster()?.port;
    await killServer(postmaster()?.pid);
    const stranger = createServer().listen(port ?? 0, "127.0.0.1");
    onTestFinished(() => void stranger.close());
    await once(stranger, "listening");
    const next = await acquire();
    expect(new URL(next.url).port).not.toBe(String(port));
    expect(await query(next.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await next.release();
  });

  test("is started again only when its busy processes are gone", async () => {
    const { start, acquire, home, postmaster } = setup();
    const user = await start();
    const client = new pg.Client({ connectionString: user.url });
    client.on("error", () => {});
    await client.connect();
    const [backend] = (await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows;
    // Too busy to notice that its server is gone.
    client.query("SELECT sum(n) FROM generate_series(1, 1e12::bigint) AS n").catch(() => {});
    await waitUntil(async () => (await query(user.url, BUSY)).length || null, { everyMs: 20, timeoutMs: 10_000 });
    user.child.kill("SIGKILL");
    await once(user.child, "exit");
    await killServer(postmaster()?.pid);

    const acquiring = acquire();
    const refusal = "pre-existing shared memory block";
    const log = join(home, "postgres.log");
    await waitUntil(() => readFileSync(log, "utf8").includes(refusal) || null, { everyMs: 20, timeoutMs: 60_000 });
    process.kill(backend?.pid ?? 0, "SIGKILL");
    const next = await acquiring;
    expect(await query(next.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await next.release();
  });
});

const BUSY =
  "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series%' AND pid <> pg_backend_pid()";

test("a lost password is explained, and no server is left behind", async () => {
  const { acquire, home, postmaster } = setup();
  await (await acquire()).release();
  writeFileSync(join(home, "postgres.password"), "another\n");
  await expect(acquire()).rejects.toThrow("postgres.password");
  expect(existsSync(join(home, "postgres"))).toBe(true);
  expect(postmaster()).toBeNull();
});

describe.runIf(process.getuid?.() === 0)("as root", () => {
  const nobody = { uid: 65_534, gid: 65_534 };

  test("below a folder that only root may enter, data and programs are kept elsewhere", async () => {
    const { acquire, home, relocation } = setup({ mode: 0o700 });
    const server = await acquire();
    await query(server.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await server.release();
    const again = await acquire();
    expect(await query(again.url, "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
    expect(existsSync(join(home, "postgres"))).toBe(false);
    const id = readFileSync(join(home, "instance"), "utf8").trim();
    expect(readFileSync(join(relocation, id, "home"), "utf8")).toBe(home);
    await again.release();
    expect(readPostmaster(join(relocation, id, "postgres"))).toBeNull();
  });

  test("a umask that keeps everybody out does not keep the server out", async () => {
    const { acquire } = setup({ mode: 0o700 });
    const umask = process.umask(0o077);
    onTestFinished(() => void process.umask(umask));
    const server = await acquire();
    expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await server.release();
  });

  test("a relocated database whose home is gone is removed at the next start", async () => {
    const { acquire, relocation } = setup({ mode: 0o700 });
    const leftover = join(relocation, "00000000-0000-4000-8000-000000000000");
    mkdirSync(join(leftover, "postgres"), { recursive: true });
    writeFileSync(join(leftover, "home"), "/nowhere/.office");
    const server = await acquire();
    expect(existsSync(leftover)).toBe(false);
    expect(readdirSync(relocation)).toHaveLength(1);
    await server.release();
  });

  test("a database that a stranger made is refused", async () => {
    const { acquire, home } = setup();
    await (await acquire()).release();
    chownSync(join(home, "postgres"), 4711, 4711);
    await expect(acquire()).rejects.toThrow("made by another user (uid 4711)");
  });

  test("another user runs it in place, as themselves", async () => {
    const { start, home } = setup({ user: nobody });
    const user = await start();
    expect(await query(user.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(statSync(join(home, "postgres")).uid).toBe(nobody.uid);
    await user.release();
    expect(readPostmaster(join(home, "postgres"))).toBeNull();
  });
});

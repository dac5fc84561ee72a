import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { connectHolder } from "office-server/db/embedded/connection.ts";
import { expect, onTestFinished, test } from "vitest";
import { setup } from "../../../../../test/support/scheduler.ts";

/** A server that cuts its first connections, as one does that has just lost a process, and then takes them. */
async function cutsAtFirst(target: string, cuts: number): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    connections += 1;
    client.on("error", () => {});
    sockets.add(client);
    if (connections <= cuts) {
      client.destroy();
      return;
    }
    const { port, hostname } = new URL(target);
    const behind = connect(Number(port), hostname);
    behind.on("error", () => {});
    sockets.add(behind);
    client.pipe(behind).pipe(client);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return { url: url.href, connections: () => connections };
}

test("a server that cuts connections while it recovers is waited for", async () => {
  const world = await setup();
  const { url, connections } = await cutsAtFirst(world.url, 2);
  const holder = await connectHolder(url, () => {});
  await expect(holder.query("SELECT 1 AS one")).resolves.toMatchObject({ rows: [{ one: 1 }] });
  expect(connections()).toBe(3);
  await holder.end();
});

import { Socket } from "node:net";
import pg from "pg";

/** A connection of its own, besides the pool. */
export interface OwnClient {
  client: pg.Client;
  /** Says goodbye and lets go, without waiting for the other side: that may never answer. */
  close: () => void;
}

/** A client for one purpose that is not connected yet. Its errors are told by the statements that fail, and by "end". */
export function createOwnClient(config: pg.ClientConfig): OwnClient {
  const socket = new Socket();
  const client = new pg.Client({ ...config, keepAlive: true, stream: () => socket });
  client.on("error", ignore);
  const close = (): void => {
    client.end().catch(ignore);
    socket.destroySoon();
  };
  return { client, close };
}

const ignore = (): void => {};

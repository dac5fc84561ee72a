import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { ConfigError } from "office-server/platform/config.ts";
import { waitUntil } from "office-server/platform/waitUntil.ts";

/** What ends at this moment lets go of its port soon. */
const PATIENCE = { everyMs: 100, timeoutMs: 2_000 };

/**
 * The port that a process is to listen on, free at this moment: `port`, or for 0 any one.
 *
 * @throws ConfigError when it is taken, or not ours to take; `name` is the variable that says which it is
 */
export async function portFor(name: string, host: string, port: number): Promise<number> {
  let problem: NodeJS.ErrnoException | null = null;
  const found = await waitUntil(async () => {
    try {
      return await tryPort(host, port);
    } catch (error) {
      problem = error as NodeJS.ErrnoException;
      if (problem.code !== "EADDRINUSE") throw unusable(name, host, port, problem);
      return null;
    }
  }, PATIENCE);
  if (found !== null) return found;
  throw unusable(name, host, port, problem);
}

function unusable(name: string, host: string, port: number, error: NodeJS.ErrnoException | null): ConfigError {
  const reason =
    error?.code === "EADDRINUSE"
      ? "is taken, perhaps by another `office up`: end that, or choose another one"
      : `cannot be listened on (${error?.message ?? "for no known reason"})`;
  return new ConfigError(`${name} ${port} on ${host} ${reason}`);
}

function tryPort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, host, () => {
      const { port: free } = server.address() as AddressInfo;
      server.close(() => resolve(free));
    });
  });
}

/** The address at which a process that listens on `host` is reached from this machine. */
export function localUrl(host: string, port: number): string {
  if (host === "0.0.0.0" || host === "") return `http://127.0.0.1:${port}`;
  if (host === "::") return `http://[::1]:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

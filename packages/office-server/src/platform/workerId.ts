import { hostname } from "node:os";
import { identityOf, type ProcessIdentity } from "./processIdentity.ts";

const SEPARATOR = "/";

/**
 * Names this process among all that ever ran, on any machine: a name for people (null: the host's), boot, pid and start
 * time; and its incarnation, a new one after each time that it was declared lost. The name must hold no slash.
 */
export const currentWorkerId = (name: string | null = null, incarnation = 1): string => {
  const identity = identityOf(process.pid);
  if (identity === null) throw new Error("the system does not know this process");
  return [name ?? hostname(), identity.bootId, identity.pid, identity.startTime, incarnation].join(SEPARATOR);
};

/** The process that a worker id names, wherever it ran; null for an id of another kind. */
export const workerProcess = (workerId: string): ProcessIdentity | null => {
  const [, bootId, pid, startTime] = workerId.split(SEPARATOR);
  if (bootId === undefined || startTime === undefined || !/^\d+$/.test(pid ?? "")) return null;
  return { bootId, pid: Number(pid), startTime };
};

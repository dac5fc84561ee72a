import { resolve } from "node:path";
import type { JobSchedulerConfig, JobSchedulerConfigPatch } from "office-contract/config.ts";
import type { PlanRole } from "office-contract/plan.ts";
import type { SessionSpec } from "office-contract/session.ts";
import type { Database, Queryable } from "../db/connection.ts";
import { findOffices, officeById, type OfficeRow } from "../db/queries/offices.ts";
import { openJobs } from "../db/queries/openJobs.ts";
import { cancelJobs } from "../db/transitions/cancelJobs.ts";
import { lockOfficeName } from "../db/transitions/ensureOffice.ts";
import { lockOffices } from "../db/transitions/lockOffices.ts";
import {
  configureOffice,
  deleteOffice,
  insertOffice,
  type OfficeFields,
  updateOffice,
} from "../db/transitions/offices.ts";
import { Refusal } from "../domain/refusal.ts";

/** What a caller says of an office. */
export interface OfficeRequest extends Omit<OfficeFields, "roles"> {
  roles?: Readonly<Record<string, PlanRole>> | undefined;
}

const notThere = (officeId: string): Refusal => new Refusal("not_found", `there is no office ${officeId}`);

/** @throws Refusal when an office has that name already */
export const createOffice = (database: Database, request: OfficeRequest & { name: string }): Promise<OfficeRow> =>
  database.transaction(async (transaction) => {
    await lockOfficeName(transaction, request.name);
    await refuseTakenName(transaction, request.name, null);
    const roles = sessionsOf(request.roles, request.repo_path);
    return insertOffice(transaction, { ...request, roles });
  });

/** Names tell offices apart for people, so a new one must be free; offices that another program wrote may share one. */
async function refuseTakenName(transaction: Queryable, name: string, officeId: string | null): Promise<void> {
  const found = await findOffices(transaction, { officeId: null, name, after: null, limit: 2 });
  const other = found.find(({ id }) => id !== officeId);
  if (other === undefined) return;
  // Who renames one office may not know the other.
  const who = officeId === null ? `office ${other.id}` : "another office";
  throw new Refusal("conflict", `${who} has the name ${JSON.stringify(name)} already`);
}

/** An office as it is now, and how many of its sessions are being stopped for that. */
export interface OfficeChange {
  office: OfficeRow;
  stopping: number;
}

/** Changes an office. Archiving it cancels everything that has not ended, in the same transaction. */
export const patchOffice = (database: Database, officeId: string, request: OfficeRequest): Promise<OfficeChange> =>
  database.transaction(async (transaction) => {
    // Before the office's own lock, as all who take both do.
    if (request.name !== undefined) await lockOfficeName(transaction, request.name);
    await lockOffices(transaction, [officeId]);
    const before = await officeById(transaction, officeId);
    if (before === null) throw notThere(officeId);
    if (request.name !== undefined && request.name !== before.name) {
      await refuseTakenName(transaction, request.name, officeId);
    }
    const roles = sessionsOf(request.roles, request.repo_path ?? before.repo_path);
    const stopping = request.status === "archived" ? await cancelEverything(transaction, officeId) : 0;
    const office = await updateOffice(transaction, officeId, { ...request, roles });
    if (office === null) throw notThere(officeId);
    return { office, stopping };
  });

async function cancelEverything(transaction: Queryable, officeId: string): Promise<number> {
  const { stopping } = await cancelJobs(
    transaction,
    officeId,
    await openJobs(transaction, officeId, { taskId: null, role: null, states: null }),
    "the office was archived",
  );
  return stopping.length;
}

/** @throws Refusal when there are sessions that are running, or being stopped */
export const removeOffice = (database: Database, officeId: string): Promise<void> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    if (await deleteOffice(transaction, officeId)) return;
    if ((await officeById(transaction, officeId)) === null) throw notThere(officeId);
    throw new Refusal(
      "office_is_busy",
      "the office has sessions that are running; cancel them, and wait for their end",
    );
  });

/** Changes settings. What is given replaces what was there, a whole mapping of roles included. */
export const changeConfig = (
  database: Database,
  officeId: string,
  patch: JobSchedulerConfigPatch,
): Promise<JobSchedulerConfig> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    const config = await configureOffice(transaction, officeId, patch);
    if (config === null) throw notThere(officeId);
    return config;
  });

/** How roles are run, as it is stored: whole, with absolute folders. */
function sessionsOf(
  roles: OfficeRequest["roles"],
  repoPath: string | null | undefined,
): Record<string, SessionSpec> | undefined {
  if (roles === undefined) return undefined;
  const sessions = Object.entries(roles).flatMap(([name, role]) => {
    const session = roleSession(role, repoPath ?? ".");
    return session === null ? [] : [[name, session] as const];
  });
  return Object.fromEntries(sessions);
}

/** Null for a role that does not say how it is run. */
export function roleSession(role: PlanRole, directory: string): SessionSpec | null {
  const { command, runtime, lease, stdin, cwd = ".", env = {} } = role;
  if (command === undefined && runtime === undefined) return null;
  return {
    ...(command !== undefined && { command, ...(stdin !== undefined && { stdin }) }),
    ...(runtime !== undefined && { runtime, ...(lease !== undefined && { lease_ms: lease }) }),
    cwd: resolve(directory, cwd),
    env,
  };
}

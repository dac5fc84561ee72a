import type { ApiClient } from "office-contract/api/client.ts";
import { PAGE_SIZE_MAX } from "office-contract/api/fields.ts";
import type { Office } from "office-contract/api/offices.ts";
import { commandName } from "office-server/platform/clientConfig.ts";
import { UsageError } from "../usageError.ts";
import { type Connection, connect } from "./connect.ts";
import { isId } from "./ids.ts";

const NAMED_MAX = 20;

/** An office of a running API, as a command about it sees it. */
export interface OpenOffice extends Connection {
  officeId: string;
}

/** Connects to the API, and finds the office that a command is about. */
export async function openOffice({ office }: { office?: string }): Promise<OpenOffice> {
  const connection = connect();
  return { ...connection, officeId: await findOffice(connection, office) };
}

/**
 * The id of the office that a command is about: the one that was named with --office, else by OFFICE, else the only one
 * that the key opens.
 *
 * @throws UsageError when there is no such office, or none was named and there are several
 */
async function findOffice({ client, config }: Connection, named: string | undefined): Promise<string> {
  const wanted = named ?? config.office;
  if (wanted !== null) return officeId(client, wanted);
  const offices = await listOffices(client);
  if (offices.length === 0) {
    throw new UsageError(`there is no office yet; \`${commandName()} submit plan.yaml\` makes one`);
  }
  const inUse = offices.filter(({ status }) => status !== "archived");
  const [only, ...others] = inUse.length > 0 ? inUse : offices;
  if (only !== undefined && others.length === 0) return only.id;
  throw new UsageError(`there are several offices, and --office must say which: ${namesOf(offices)}`);
}

/** The office of this name, the oldest one that is in use where there are several; null when there is none. */
export async function officeOfName(client: ApiClient, name: string): Promise<Office | null> {
  const offices = await listOffices(client, name);
  return offices.find(({ status }) => status !== "archived") ?? offices[0] ?? null;
}

async function officeId(client: ApiClient, wanted: string): Promise<string> {
  const office = await officeOfName(client, wanted);
  if (office !== null) return office.id;
  // An id last: an office may be called anything.
  if (isId(wanted)) return wanted;
  const offices = await listOffices(client);
  const others = offices.length === 0 ? "there is none yet" : `there is ${namesOf(offices)}`;
  throw new UsageError(`there is no office "${wanted}" that this key opens; ${others}`);
}

/** Every office that the key opens, the oldest first; only those of a name where one is given. */
export async function listOffices(client: ApiClient, name?: string): Promise<Office[]> {
  const offices: Office[] = [];
  let cursor: string | undefined;
  do {
    const query = {
      limit: PAGE_SIZE_MAX,
      ...(name !== undefined && { name }),
      ...(cursor !== undefined && { cursor }),
    };
    const page = await client.call("listOffices", { query });
    offices.push(...page.offices);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return offices.toSorted((one, other) => one.created_at.localeCompare(other.created_at));
}

function namesOf(offices: readonly Office[]): string {
  const names = offices.slice(0, NAMED_MAX).map(({ name }) => name);
  const hidden = offices.length - names.length;
  return names.join(", ") + (hidden > 0 ? ` … and ${hidden} more` : "");
}

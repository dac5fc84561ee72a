import type { Key } from "office-contract/api/access.ts";
import { wallClock } from "office-server/platform/clock.ts";
import { type Connection, connect } from "../api/connect.ts";
import { listOffices, openOffice } from "../api/findOffice.ts";
import { isIdPrefix, withPrefix } from "../api/ids.ts";
import { dim } from "../line.ts";
import { isTerminal, type Output, remark, widthOf, writeJson, writeLines, writeWhole } from "../output.ts";
import { type Column, tableLines } from "../table.ts";
import { UsageError } from "../usageError.ts";
import { timeWords } from "../wording.ts";

export interface KeysOptions {
  json: boolean;
}

/** `office keys`: lists the keys of the API. Returns the exit code. */
export async function showKeys({ json }: KeysOptions, output: Output): Promise<number> {
  const { client } = connect();
  const { keys } = await client.call("listKeys", {});
  const { stdout } = output;
  if (json) {
    writeJson(stdout, ...keys);
    return 0;
  }
  const names = new Map((await listOffices(client)).map(({ id, name }) => [id, name]));
  if (keys.length === 0) remark(output, "no keys");
  else writeLines(stdout, tableLines(keys, keyColumns(names, isTerminal(stdout)), widthOf(stdout)));
  return 0;
}

function keyColumns(officeNames: ReadonlyMap<string, string>, forPeople: boolean): Column<Key>[] {
  const time = timeWords(forPeople, wallClock().getTime());
  return [
    { title: "NAME", cell: ({ name }) => name, widthMin: 12 },
    {
      title: "OPENS",
      cell: ({ office_id: id }) => (id === null ? "all offices" : (officeNames.get(id) ?? id)),
      widthMin: 12,
    },
    { title: "ACCESS", cell: ({ access, revoked_at: at }) => (at === null ? access : dim("revoked")) },
    { title: "LAST USED", cell: ({ last_used_at: at }) => time(at) },
    { title: "CREATED", cell: ({ created_at: at }) => time(at) },
    { title: "ID", cell: ({ id }) => id },
  ];
}

/** `office keys create NAME`: makes a key, and prints it. Returns the exit code. */
export async function createKey(
  name: string,
  { office, read, json }: KeysOptions & { office?: string; read: boolean },
  output: Output,
): Promise<number> {
  const access = read ? "read" : "write";
  const { client, officeId } = office === undefined ? { ...connect(), officeId: null } : await openOffice({ office });
  const key = await client.call("createKey", { body: { name, office_id: officeId, access } });
  if (json) {
    writeJson(output.stdout, key);
    return 0;
  }
  const scope = office === undefined ? "all offices" : `office ${office}`;
  remark(output, `key "${key.name}" may ${access} in ${scope}; it is shown now and not again:`);
  writeWhole(output.stdout, [[key.token]]);
  return 0;
}

/** `office keys revoke KEY`: revokes a key, named by its id, by its beginning, or by its name. Returns the exit code. */
export async function revokeKey(named: string, { json }: KeysOptions, output: Output): Promise<number> {
  const connection = connect();
  const key = await findKey(connection, named);
  await connection.client.call("revokeKey", { params: { keyId: key.id } });
  if (json) writeJson(output.stdout, key);
  else writeWhole(output.stdout, [[`key "${key.name}" is revoked`]]);
  return 0;
}

async function findKey({ client }: Connection, named: string): Promise<Key> {
  const { keys } = await client.call("listKeys", {});
  const live = keys.filter(({ revoked_at: at }) => at === null);
  const found = live.filter(({ name }) => name === named);
  if (found.length === 0 && isIdPrefix(named)) found.push(...withPrefix(live, named));
  const [only, ...others] = found;
  if (only === undefined) throw new UsageError(`there is no key "${named}" in use; \`office keys\` lists them`);
  if (others.length === 0) return only;
  throw new UsageError(`${found.length} keys are meant by "${named}": ${found.map(({ id }) => id).join(", ")}`);
}

import type { Key } from "office-contract/api/access.ts";
import { allKeys, type KeyRow, revokeKey } from "../../db/queries/accessKeys.ts";
import { officeExists } from "../../db/queries/offices.ts";
import { Refusal } from "../../domain/refusal.ts";
import { createKey } from "../../services/access/keys.ts";
import type { Handlers } from "../handler.ts";

const present = ({ created_at: created, last_used_at: used, revoked_at: revoked, ...key }: KeyRow): Key => ({
  ...key,
  created_at: created.toISOString(),
  last_used_at: used?.toISOString() ?? null,
  revoked_at: revoked?.toISOString() ?? null,
});

/** `onRevoked`: from now on the key opens nothing. */
export const keyHandlers = (onRevoked: () => void): Handlers<"listKeys" | "createKey" | "revokeKey"> => ({
  listKeys: async ({ database }) => ({ keys: (await allKeys(database)).map(present) }),

  createKey: async ({ database }, { body: { name, office_id: officeId, access } }) => {
    if (officeId !== null && !(await officeExists(database, officeId))) {
      throw new Refusal("not_found", `there is no office ${officeId}`);
    }
    const { token, ...key } = await createKey(database, { name, officeId, access });
    return { ...present(key), token };
  },

  revokeKey: async ({ database }, { params: { keyId } }) => {
    const revocation = await revokeKey(database, keyId);
    if (revocation === "unknown") throw new Refusal("not_found", `there is no key ${keyId}`);
    if (revocation === "last") {
      throw new Refusal("conflict", "this is the last key that can create others; create another one first");
    }
    onRevoked();
  },
});

import type { Office } from "office-contract/api/offices.ts";
import { findOffices, officeById, type OfficeRow } from "../../db/queries/offices.ts";
import { Refusal } from "../../domain/refusal.ts";
import { createOffice, patchOffice, removeOffice } from "../../services/offices.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { Handlers } from "../handler.ts";

const present = ({
  created_at_text: _place,
  created_at: created,
  updated_at: updated,
  ...office
}: OfficeRow): Office => ({
  ...office,
  created_at: created.toISOString(),
  updated_at: updated.toISOString(),
});

export const officeHandlers: Handlers<"listOffices" | "createOffice" | "getOffice" | "patchOffice" | "deleteOffice"> = {
  listOffices: async ({ database }, { query: { limit, cursor, name = null }, caller }) => {
    const after = decodeCursor(cursor);
    const rows = await findOffices(database, { officeId: caller?.officeId ?? null, name, after, limit: limit + 1 });
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return {
      offices: page.map(present),
      next_cursor: last === undefined ? null : encodeCursor({ at: last.created_at_text, id: last.id }),
    };
  },

  createOffice: async ({ database }, { body }) => present(await createOffice(database, body)),

  getOffice: async ({ database }, { params: { officeId } }) => {
    const office = await officeById(database, officeId);
    if (office === null) throw new Refusal("not_found", `there is no office ${officeId}`);
    return present(office);
  },

  patchOffice: async ({ database, announcer }, { params: { officeId }, body }) => {
    const { office, stopping } = await patchOffice(database, officeId, body);
    if (stopping > 0) announcer.order([officeId]);
    else announcer.announce([officeId]);
    return present(office);
  },

  deleteOffice: async ({ database, announcer }, { params: { officeId } }) => {
    await removeOffice(database, officeId);
    announcer.announce([officeId]);
  },
};

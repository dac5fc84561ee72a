import type { Queryable } from "../connection.ts";

/** Takes the locks of offices for the caller's transaction, in id order: see lock_offices.sql. What is read after it holds. */
export async function lockOffices(transaction: Queryable, officeIds: readonly string[]): Promise<void> {
  await transaction.query("lock_offices", "SELECT lock_offices($1)", [officeIds]);
}

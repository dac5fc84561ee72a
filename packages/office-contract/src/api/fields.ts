import { z } from "zod";
import { isStorableValue, STORABLE } from "../text.ts";

/** A UUID of any version: ids of jobs that another program wrote follow none. Read in lower case, as PostgreSQL writes it. */
export const idSchema = z.guid({ error: "must be a UUID such as 0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10" }).toLowerCase();

/** ISO 8601 in UTC, with milliseconds. */
export const timestampSchema = z.iso.datetime();

const METADATA_LENGTH_MAX = 64 * 1024;

/** Any JSON object of a bounded size, for what the caller wants to remember. */
export const jsonObjectSchema = z
  .record(z.string(), z.unknown())
  .refine(
    (value) => JSON.stringify(value).length <= METADATA_LENGTH_MAX,
    "must not be longer than 65536 characters as JSON",
  )
  .refine(isStorableValue, STORABLE);

export const PAGE_SIZE_DEFAULT = 100;
export const PAGE_SIZE_MAX = 1_000;

/** What each list takes. Numbers in a query are text, so they are read as numbers here. */
export const pageQuery = {
  limit: z.coerce
    .number({ error: `must be a whole number from 1 to ${PAGE_SIZE_MAX}` })
    .int()
    .min(1)
    .max(PAGE_SIZE_MAX)
    .default(PAGE_SIZE_DEFAULT)
    .describe("Entries of a page."),
  cursor: z.string().max(500).optional().describe("The `next_cursor` of the page before."),
};

/** Null on the last page. */
export const nextCursorSchema = z.string().nullable();

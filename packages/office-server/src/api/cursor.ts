import { Refusal } from "../domain/refusal.ts";

/** A place in a list that is sorted by when its rows were made, and among those of one moment by their ids. */
export interface Place {
  /** As PostgreSQL writes a timestamptz, with its microseconds. */
  at: string;
  id: string;
}

const AT = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const encodeCursor = ({ at, id }: Place): string => Buffer.from(`${at} ${id}`).toString("base64url");

/** @throws Refusal for what `encodeCursor` has not made */
export function decodeCursor(cursor: string | undefined): Place | null {
  if (cursor === undefined) return null;
  const text = Buffer.from(cursor, "base64url").toString();
  const space = text.lastIndexOf(" ");
  const [at, id] = [text.slice(0, space), text.slice(space + 1)];
  if (AT.test(at) && isRealTime(at) && ID.test(id)) return { at, id };
  const message = "must be the next_cursor of an earlier page";
  throw new Refusal("invalid_request", `query.cursor ${message}`, { errors: [{ field: "query.cursor", message }] });
}

/** Days that no month has are taken for days of the next one by some, and refused by PostgreSQL. */
function isRealTime(at: string): boolean {
  const seconds = `${at.slice(0, 10)}T${at.slice(11, 19)}`;
  const time = new Date(`${seconds}Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(seconds);
}

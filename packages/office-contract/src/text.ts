import { z } from "zod";

/** PostgreSQL refuses NUL and halves of surrogate pairs, and no program takes NUL in its arguments. */
const isStorable = (value: string): boolean => !value.includes("\0") && value.isWellFormed();
export const STORABLE = "must not contain a NUL character or half of a Unicode surrogate pair";

/** Text of at most `lengthMax` characters that can be stored. */
export const storableText = (lengthMax: number) => z.string().max(lengthMax).refine(isStorable, STORABLE);

/** One line that people read: a key, a role, a title. */
export const storableLine = (lengthMax: number) =>
  z
    .string()
    .min(1, { abort: true })
    .max(lengthMax)
    .regex(/^\P{Cc}*$/u, { error: "must be one line, without control characters", abort: true })
    .refine(isStorable, STORABLE)
    .refine((value) => value.trim() !== "", "must not be blank");

/** Whether every text of a JSON value can be stored, the names of its fields included. */
export const isStorableValue = (value: unknown): boolean => {
  if (typeof value === "string") return isStorable(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, part]) => isStorable(name) && isStorableValue(part));
};

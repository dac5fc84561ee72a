/** An object of a plan before its shape is known. It has no prototype, so any name is safe to look up. */
export type Mapping = Record<string, unknown>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value);

import type { z } from "zod";

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "text",
  int: "a whole number",
  number: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping of names to values",
  record: "a mapping of names to values",
};

/** What a value must be, for the checks whose message the schema leaves open. */
export const requirement = (issue: z.core.$ZodRawIssue): string | undefined => {
  if (issue.code === "invalid_type") return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
  if (issue.code === "invalid_value") return `must be ${issue.values.join(" or ")}`;
  if (issue.code === "too_small") {
    if (issue.origin === "string") return "must not be empty";
    return issue.origin === "array" ? "must have at least one entry" : `must be ${issue.minimum} or more`;
  }
  if (issue.code === "too_big") {
    if (issue.origin === "string") return `must not be longer than ${issue.maximum} characters`;
    return issue.origin === "array"
      ? `must not have more than ${issue.maximum} entries`
      : `must be ${issue.maximum} or less`;
  }
  return undefined;
};

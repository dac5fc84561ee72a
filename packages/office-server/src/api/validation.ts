import { z } from "zod";
import type { FieldError } from "office-contract/api/problems.ts";
import { quoted, shown, suggestion, valueAt } from "../domain/plan/naming.ts";
import { Refusal } from "../domain/refusal.ts";
import { requirement } from "../domain/requirements.ts";
import { withoutSecrets } from "../platform/redaction.ts";

export type RequestPart = "path" | "query" | "header" | "body";

const ERRORS_MAX = 20;
/** Deeper ones are no use to anybody, and neither JSON.stringify nor PostgreSQL takes any depth. */
const DEPTH_MAX = 64;

/**
 * Checks a part of a request, and returns what its schema makes of it.
 *
 * @throws Refusal that names each field that is wrong, its value, and what would be right
 */
export function validate(schema: z.ZodType, value: unknown, part: RequestPart): unknown {
  if (isDeeperThan(value, DEPTH_MAX)) {
    const message = `must not be nested deeper than ${DEPTH_MAX} levels`;
    throw new Refusal("invalid_request", `${part} ${message}`, { errors: [{ field: part, message }] });
  }
  refuseEmptyText(value, part);
  const result = schema.safeParse(value, { error: requirement });
  if (result.success) return result.data;
  const errors = firstErrors(result.error.issues, { schema, value, part });
  const [first] = errors;
  const more = result.error.issues.length > 1 ? ` (and ${result.error.issues.length - 1} more)` : "";
  throw new Refusal("invalid_request", `${first?.field} ${first?.message}${more}`, { errors });
}

/** A number that is left empty would be read as 0. */
function refuseEmptyText(value: unknown, part: RequestPart): void {
  if (part !== "query" && part !== "header") return;
  const names = part === "query" ? Object.keys(value as object) : NUMERIC_HEADERS;
  const empty = names.filter((name) => valueAt([name], value) === "");
  if (empty.length === 0) return;
  const message = "must not be empty: give it a value, or leave it out";
  const errors = empty.slice(0, ERRORS_MAX).map((name) => ({ field: fieldName(part, [name]), message }));
  throw new Refusal("invalid_request", `${errors[0]?.field} ${message}`, { errors });
}

const NUMERIC_HEADERS = ["last-event-id"];

/** A request may be wrong in a million places: only so many are put into words. */
function firstErrors(issues: readonly z.core.$ZodIssue[], checked: Checked): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of issues) {
    errors.push(...fieldErrors(issue, checked));
    if (errors.length >= ERRORS_MAX) break;
  }
  return errors.slice(0, ERRORS_MAX);
}

interface Checked {
  schema: z.ZodType;
  value: unknown;
  part: RequestPart;
}

function fieldErrors(issue: z.core.$ZodIssue, { schema, value, part }: Checked): FieldError[] {
  // A query is text: what is read out of it has no place of its own.
  const path = part === "query" ? issue.path.slice(0, 1) : issue.path;
  const field = fieldName(part, path);
  if (issue.code === "unrecognized_keys") {
    const known = fieldNamesAt(schema, issue.path);
    return issue.keys.slice(0, ERRORS_MAX).map((name) => ({
      field: fieldName(part, [...issue.path, name]),
      message: `is no field that is known here${suggestion(name, known) || (known.length > 0 ? `: there are ${known.join(", ")}` : "")}`,
    }));
  }
  if (issue.code === "invalid_key") {
    return [{ field, message: `has a name that ${issue.issues[0]?.message ?? "cannot be one"}` }];
  }
  const found = valueAt(path, value);
  const message = issue.code === "invalid_union" ? unionMessage(issue) : issue.message;
  if (found === undefined && path.length > 0) return [{ field, message: `is missing: it ${message}` }];
  // What an environment or a header holds may be a secret.
  const isSecret = part === "header" || issue.path.includes("env");
  const instead = message.startsWith("must be") && !isSecret ? `, not ${shown(found)}` : "";
  return [{ field, message: withoutSecrets(`${message}${instead}`) }];
}

/** What the first of the alternatives wants, unless the schema says it in its own words. */
function unionMessage(issue: z.core.$ZodIssueInvalidUnion): string {
  if (issue.message !== "Invalid input") return issue.message;
  const wanted = issue.errors.flatMap(([first]) => (first === undefined ? [] : [first.message]));
  return [...new Set(wanted)].join(", or ");
}

/** `body.jobs[2].env["a b"]` */
const fieldName = (part: RequestPart, path: readonly PropertyKey[]): string =>
  path.reduce<string>((name, step) => {
    if (typeof step === "number") return `${name}[${step}]`;
    return /^[\w-]{1,60}$/.test(String(step)) ? `${name}.${String(step)}` : `${name}[${quoted(String(step))}]`;
  }, part);

/** The fields of the object that a schema wants at a place; none where it is no object. */
function fieldNamesAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: z.core.$ZodType | undefined = schema;
  for (const step of path) at = at === undefined ? undefined : partAt(unwrapped(at), step);
  const inner = at === undefined ? undefined : unwrapped(at);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

const unwrapped = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault
    ? unwrapped(schema.unwrap())
    : schema;

function partAt(schema: z.core.$ZodType, step: PropertyKey): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<PropertyKey, z.core.$ZodType>)[step];
  if (schema instanceof z.ZodArray) return schema.element;
  return schema instanceof z.ZodRecord ? schema.valueType : undefined;
}

function isDeeperThan(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depthMax === 0) return true;
  return Object.values(value).some((part) => isDeeperThan(part, depthMax - 1));
}

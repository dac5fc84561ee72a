import {
  planJobSchema,
  planLimitsSchema,
  planRoleSchema,
  planSchema,
  type PlanDocument,
} from "office-contract/plan.ts";
import type { z } from "zod";
import { requirement } from "../requirements.ts";
import type { ValueProblem } from "./errors.ts";
import { pathName, quoted, shown, suggestion, valueAt } from "./naming.ts";

export type PlanShape = { ok: true; document: PlanDocument } | { ok: false; problems: ValueProblem[] };

/** Checks every field of a plan by itself: its type, its bounds, its name. Says what would be right. */
export const checkShape = (value: unknown): PlanShape => {
  const result = planSchema.safeParse(value, { error: requirement });
  if (result.success) return { ok: true, document: result.data };
  return { ok: false, problems: result.error.issues.flatMap((issue) => problemsOf(issue, value)) };
};

const problemsOf = (issue: z.core.$ZodIssue, plan: unknown): ValueProblem[] => {
  const { path } = issue;
  const where = pathName(path, plan);
  if (issue.code === "unrecognized_keys") {
    const known = fieldNames(path);
    return issue.keys.map((name) => ({
      path: [...path, name],
      atKey: true,
      message: `${where} has no field ${quoted(name)}${suggestion(name, known) || `: its fields are ${known.join(", ")}`}`,
    }));
  }
  if (issue.code === "invalid_key") {
    const message = issue.issues[0]?.message ?? "cannot be a name";
    return [{ path, atKey: true, message: `${where}: the name ${quoted(String(path.at(-1)))} ${message}` }];
  }
  const value = valueAt(path, plan);
  if (value === undefined) return [{ path, message: `${where} is missing: it ${issue.message}` }];
  const instead = issue.message.startsWith("must be") ? `, not ${shown(value)}` : "";
  return [{ path, message: `${where} ${issue.message}${instead}${remedy(issue, value)}` }];
};

/** How to write what was meant, where that can be told. */
const remedy = (issue: z.core.$ZodIssue, value: unknown): string => {
  if (issue.code !== "invalid_type") return "";
  if (value === null) return "; leave the field out, or write its value";
  if (issue.expected === "string" && (typeof value === "number" || typeof value === "boolean")) {
    return `; write it in quotes: "${value}"`;
  }
  if (issue.expected === "array" && typeof value === "string") return `; write it as a list: [${shown(value)}]`;
  return "";
};

const fieldNames = ([section, , ...deeper]: readonly PropertyKey[]): string[] => {
  if (section === undefined) return Object.keys(planSchema.shape);
  if (section === "limits") return Object.keys(planLimitsSchema.shape);
  return Object.keys(section === "roles" && deeper.length === 0 ? planRoleSchema.shape : planJobSchema.shape);
};

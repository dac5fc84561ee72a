import { styleText } from "node:util";
import { formatPlanError, type PlanError } from "office-server/domain/plan.ts";

const PRINTED_MAX = 20;

/** Writes what is wrong with a plan, one problem a line as `file:line:column: message`, and how many more there are. */
export const printPlanErrors = (errors: readonly PlanError[], stderr: NodeJS.WritableStream): void => {
  for (const error of errors.slice(0, PRINTED_MAX)) {
    const place = formatPlanError({ ...error, message: "" }).trimEnd();
    stderr.write(`${styleText("bold", place, { stream: stderr })} ${error.message}\n`);
  }
  const more = errors.length - PRINTED_MAX;
  if (more > 0) stderr.write(`… and ${more} more ${more === 1 ? "problem" : "problems"}\n`);
};

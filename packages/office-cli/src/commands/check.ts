import { styleText } from "node:util";
import { criticalPath, executionOrder } from "office-server/domain/graph.ts";
import type { Plan } from "office-server/domain/plan.ts";
import { readPlanFile } from "office-server/services/planFile.ts";
import { type Output, type OutputStream, widthOf } from "../output.ts";
import { printPlanErrors } from "../planErrors.ts";
import { flow } from "../textFlow.ts";

const VALID = 0;
const INVALID = 2;

/** `office check PLAN`: says what is wrong with a plan, or in which order its jobs can run. Returns the exit code. */
export const checkPlan = async (path: string, { stdout, stderr }: Output): Promise<number> => {
  const result = await readPlanFile(path);
  if (!result.ok) {
    printPlanErrors(result.errors, stderr);
    return INVALID;
  }
  stdout.write(`${describePlan(path, result.plan, stdout).join("\n")}\n`);
  return VALID;
};

/** On a terminal long groups are cut; elsewhere everything is written, a group a line, for other programs to read. */
const GROUPS_SHOWN_MAX = 40;
const GROUP_LINES_MAX = 3;
const PATH_LINES_MAX = 8;

const describePlan = (path: string, { title, jobs }: Plan, stdout: OutputStream): string[] => {
  const order = executionOrder(jobs);
  const critical = criticalPath(jobs, () => 1);
  // A plan that was read has no cycle, so both are there.
  const groups = order.ok ? order.groups : [];
  const chain = critical.ok ? critical.path : [];

  const bold = (text: string) => styleText("bold", text, { stream: stdout });
  const dim = (text: string) => styleText("dim", text, { stream: stdout });
  const width = widthOf(stdout);
  const numberWidth = String(groups.length).length;
  const groupLines = groups.map((keys, index) => {
    const lines = flow(keys, { separator: ", ", indent: numberWidth + 4, width, linesMax: GROUP_LINES_MAX });
    return `  ${dim(String(index + 1).padStart(numberWidth))}  ${lines}`;
  });
  const shownMax = width === Infinity ? Infinity : GROUPS_SHOWN_MAX;
  const hidden = groupLines.length - shownMax;
  return [
    bold(title ?? path),
    flow(countParts(jobs, groups), { separator: ", ", indent: 0, width, linesMax: GROUP_LINES_MAX }),
    "",
    `${bold("Groups in order")} ${dim("(the jobs of a group can run side by side)")}`,
    ...groupLines.slice(0, shownMax),
    ...(hidden > 0 ? [dim(`  … and ${hidden} more groups`)] : []),
    "",
    `${bold("Critical path")} ${dim(`(the longest chain: ${count(chain.length, "job")})`)}`,
    `  ${flow(chain, { separator: " → ", indent: 2, width, linesMax: PATH_LINES_MAX })}`,
  ];
};

const countParts = (jobs: Plan["jobs"], groups: readonly string[][]): string[] => {
  const edges = jobs.reduce((sum, { dependsOn }) => sum + dependsOn.length, 0);
  const roles = new Set(jobs.map(({ role }) => role)).size;
  const widest = groups.reduce((most, { length }) => Math.max(most, length), 0);
  return [
    count(jobs.length, "job"),
    count(edges, "dependency", "dependencies"),
    count(roles, "role"),
    count(groups.length, "group"),
    `the widest of ${count(widest, "job")}`,
  ];
};

const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

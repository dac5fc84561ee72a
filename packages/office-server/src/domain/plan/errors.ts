/** One thing that is wrong with a plan, and where. Lines and columns count from 1. */
export interface PlanError {
  file: string;
  line: number;
  column: number;
  message: string;
}

/** `plan.yaml:12:5: what is wrong`, the form that editors and terminals turn into a link. */
export const formatPlanError = ({ file, line, column, message }: PlanError): string =>
  `${file}:${line}:${column}: ${message}`;

/** A problem before its place in the text is known as a line and a column. `offset` counts characters from 0. */
export interface TextProblem {
  offset: number;
  message: string;
}

/** A problem of a value of the plan. `atKey` points at the name of the field instead of its value. */
export interface ValueProblem {
  path: readonly PropertyKey[];
  atKey?: boolean;
  message: string;
}

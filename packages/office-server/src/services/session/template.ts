import { TEMPLATE_NAMES, type TemplateName } from "office-contract/session.ts";
import type { SessionRequest } from "./runtime.ts";

export type TemplateValues = Readonly<Record<TemplateName, string>>;

const PLACEHOLDER = new RegExp(`\\{\\{(${TEMPLATE_NAMES.join("|")})\\}\\}`, "g");

/**
 * Puts values in place of `{{name}}`, all in one pass: what a value holds, be it another placeholder, quotes or
 * `$(...)`, stays as it is. Names that are not known stay as well.
 */
export const fillTemplate = (template: string, values: TemplateValues): string =>
  template.replace(PLACEHOLDER, (_placeholder, name: TemplateName) => values[name]);

/** What the placeholders of a session stand for. Nothing is the empty string. */
export const templateValues = (request: SessionRequest): TemplateValues => ({
  prompt: request.prompt ?? "",
  title: request.title,
  key: request.jobKey ?? "",
  role: request.role,
  office_id: request.officeId,
  task_id: request.taskId ?? "",
  job_id: request.jobId,
  execution_id: request.executionId,
  attempt: String(request.attempt),
  fencing_token: request.fencingToken,
});

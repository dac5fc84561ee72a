import type { JobEvent } from "office-contract/events.ts";
import type { ToldJob } from "../../../db/queries/toldEvents.ts";

/** A job that has failed for good. */
export interface Alert {
  event: JobEvent;
  /** As it is now; null when it has been deleted. */
  job: ToldJob | null;
}

export interface AlertedOffice {
  id: string;
  name: string;
  /** Of the API. Without a slash at its end. */
  publicUrl: string;
}

/** What an incoming webhook of Slack takes: blocks to show, and a text where none can be shown. */
export interface SlackMessage {
  text: string;
  blocks: object[];
}

/** Slack's own limits, in characters. It also refuses what is more than some 13,000 in all. */
const HEADER_MAX = 150;
const SECTION_MAX = 3_000;
/** Ours. */
const FIELD_MAX = 300;
const CLASS_MAX = 100;
const REASON_MAX = 1_000;
const OUTPUT_MAX = 1_500;
const LISTED_MAX = 10;
const LISTED_TITLE_MAX = 80;
const LISTED_REASON_MAX = 120;

/** Tells of one job: who, what, why, after how many attempts, its last lines and where to read on. */
export function oneAlert(office: AlertedOffice, { event, job }: Alert, output: readonly string[]): SlackMessage {
  const title = job?.title ?? event.job_key ?? event.job_id;
  const reason = `*${escaped(errorClassOf(event), CLASS_MAX)}*: ${escaped(errorMessageOf(event), REASON_MAX)}`;
  const field = (name: string, value: string) => mrkdwn(`*${name}*\n${escaped(value, FIELD_MAX)}`);
  const attempts = event.attempt === null ? "none" : String(event.attempt);
  return {
    text: `${escaped(`${event.role}: ${title} ${endOf(event)}`, HEADER_MAX)} (${escaped(errorClassOf(event), CLASS_MAX)})`,
    blocks: [
      header(`${title} ${endOf(event)}`),
      {
        type: "section",
        fields: [
          field("Office", office.name),
          field("Role", event.role),
          field("Job", event.job_key ?? event.job_id),
          field("Attempts", attempts),
        ],
      },
      section(reason),
      ...(output.length === 0 ? [] : [section(`\`\`\`\n${quoted(output)}\n\`\`\``)]),
      section(`<${jobUrl(office, event)}|Open the job>`),
    ],
  };
}

/** Tells of several jobs at once: how many of each kind, and the first of them. `jobs` are those of the first alerts. */
export function manyAlerts(office: AlertedOffice, events: readonly JobEvent[], jobs: readonly ToldJob[]): SlackMessage {
  const summary = `${events.length} jobs failed`;
  const titles = new Map(jobs.map(({ id, title }) => [id, title]));
  const lines = events.slice(0, LISTED_MAX).map((event) => {
    const title = escaped(titles.get(event.job_id) ?? event.job_key ?? event.job_id, LISTED_TITLE_MAX);
    const reason = `${errorClassOf(event)}: ${errorMessageOf(event)}`;
    return `• ${escaped(event.role, LISTED_TITLE_MAX)}: <${jobUrl(office, event)}|${title}> (${escaped(reason, LISTED_REASON_MAX)})`;
  });
  const more = events.length - lines.length;
  return {
    text: `${summary} in ${escaped(office.name, HEADER_MAX)}`,
    blocks: [
      header(`${summary} in ${office.name}`),
      section(escaped(classCounts(events), SECTION_MAX)),
      // A line may be longer than a tenth of what one section takes.
      ...lines.map(section),
      ...(more > 0 ? [section(`and ${more} more`)] : []),
    ],
  };
}

/** The ends of jobs that people are told of. */
export const ALERTING = ["job_failed", "job_timeout"] as const;
/** How many jobs one message lists. */
export const LISTED_JOBS_MAX = LISTED_MAX;

const endOf = ({ type }: JobEvent): string => (type === "job_timeout" ? "timed out" : "failed");

const errorClassOf = ({ type, details }: JobEvent): string =>
  typeof details.error_class === "string" ? details.error_class : type === "job_timeout" ? "TIMEOUT" : "FAILED";

const errorMessageOf = ({ details }: JobEvent): string =>
  typeof details.message === "string" && details.message !== "" ? details.message : "it said nothing more";

const jobUrl = ({ publicUrl, id }: AlertedOffice, { job_id: jobId }: JobEvent): string =>
  `${publicUrl}/offices/${id}/jobs/${jobId}`;

/** `7 EXIT_CODE, 5 TIMEOUT`, the most frequent first. */
function classCounts(events: readonly JobEvent[]): string {
  const counts = new Map<string, number>();
  for (const event of events) counts.set(errorClassOf(event), (counts.get(errorClassOf(event)) ?? 0) + 1);
  return [...counts]
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}

/** The end of some output, in a block that nothing in it can close. */
function quoted(lines: readonly string[]): string {
  const text = lines.join("\n").replaceAll("```", "`\u200b`\u200b`");
  const characters = Array.from(printable(text), asEscaped);
  let start = characters.length;
  let length = 0;
  while (start > 0 && length + (characters[start - 1]?.length ?? 0) <= OUTPUT_MAX) {
    start -= 1;
    length += characters[start]?.length ?? 0;
  }
  return characters.slice(start).join("");
}

const header = (text: string) => ({
  type: "header",
  text: { type: "plain_text", text: shortened(oneLine(text), HEADER_MAX), emoji: false },
});

const section = (text: string) => ({ type: "section", text: mrkdwn(text) });

const mrkdwn = (text: string) => ({ type: "mrkdwn", text });

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

const asEscaped = (character: string): string => ESCAPES[character] ?? character;

/** As Slack wants text, so that nothing in it is a link or a mention: at most `lengthMax` characters when it is. */
function escaped(text: string, lengthMax: number): string {
  let result = "";
  for (const character of printable(text)) {
    const next = asEscaped(character);
    if (result.length + next.length >= lengthMax) return `${result}…`;
    result += next;
  }
  return result;
}

function shortened(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

const oneLine = (text: string): string => printable(text).replaceAll(/\s+/g, " ");

// oxlint-disable-next-line no-control-regex -- control characters, other than tab and line feed, are what it is about
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

const printable = (text: string): string => text.toWellFormed().replaceAll(CONTROL_CHARACTERS, "");

import type { ErrorClass } from "office-contract/vocabulary.ts";
import type { SessionOutcome } from "../../../domain/outcome.ts";
import type { ExitRecord } from "../host/records.ts";
import type { OutputFormat } from "./format.ts";

const TEXT_LENGTH_MAX = 20_000;

/** The last record that `claude -p --output-format stream-json` writes. */
interface ResultRecord {
  type: "result";
  subtype: string;
  is_error?: boolean;
  result?: string;
  session_id?: string;
  num_turns?: number;
  total_cost_usd?: number;
}

/** `claude -p --output-format stream-json`: one JSON record a line, the last of which is the result. */
export const claudeStreamJson: OutputFormat = {
  name: "claude stream-json",
  matches: (command) => command.some((part) => part.includes("stream-json")),
  create() {
    let last: ResultRecord | null = null;
    return {
      line(line) {
        last = resultIn(line) ?? last;
      },
      outcome: (exit) => (last === null ? null : judge(last, exit)),
    };
  },
};

/** A line of stderr without an end may stand before the record. */
function resultIn(line: string): ResultRecord | null {
  if (!line.includes('"type":"result"')) return null;
  try {
    const record: unknown = JSON.parse(line.slice(line.indexOf("{")));
    return isResult(record) ? record : null;
  } catch {
    return null;
  }
}

const isResult = (record: unknown): record is ResultRecord =>
  typeof record === "object" && record !== null && "type" in record && record.type === "result" && "subtype" in record;

function judge(record: ResultRecord, { exitCode }: ExitRecord): SessionOutcome | null {
  const answer = typeof record.result === "string" ? record.result.slice(0, TEXT_LENGTH_MAX) : "";
  if (record.is_error === true || record.subtype !== "success") {
    const message = answer === "" ? `the agent ended with ${record.subtype}` : `${record.subtype}: ${answer}`;
    return { kind: "failed", errorClass: errorClassOf(answer), message, exitCode };
  }
  if (exitCode !== 0) return null;
  const { session_id, num_turns, total_cost_usd } = record;
  return { kind: "finished", result: { text: answer, session_id, num_turns, total_cost_usd } };
}

/** An error of the API begins the answer: `API Error: 529 {...}`, or `API Error: Connection error.` */
function errorClassOf(answer: string): ErrorClass {
  const [, status, text = ""] = /^API Error:? \(?(?:(\d{3})\b)?([\s\S]*)/.exec(answer) ?? [];
  if (status === "429" || status === "529") return "RATE_LIMITED";
  if (status === "401" || status === "403") return "PERMISSION_DENIED";
  const unreachable = status === undefined ? /^(Connection error|Request timed out)/i.test(text) : status >= "500";
  return unreachable ? "NETWORK_ERROR" : "EXIT_CODE";
}

import { stripVTControlCharacters, styleText } from "node:util";
import { type Logger, pino } from "pino";
import type { LogLevel } from "./config.ts";
import { withoutSecretFields, withoutSecrets } from "./redaction.ts";

export type { Logger };

interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
}

/** Who writes, in every line. */
interface Writer {
  /** The part of the product: `api`, `worker`. */
  component?: string;
  /** The worker's id. */
  worker?: string;
}

/**
 * A logger that writes to standard error: for people on a terminal, one JSON object a line otherwise. No secret gets
 * into it, whichever field or message it is in.
 */
export function createLogger(level: LogLevel, sink: Sink = process.stderr, writer: Writer = {}): Logger {
  const format = sink.isTTY === true ? formatForPeople : (line: string): string => `${line}\n`;
  const write = (line: string): void => void sink.write(withoutSecrets(format(withoutSecretFields(line.trimEnd()))));
  return pino({ level, base: writer, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}

interface LogLine {
  level: number;
  time: string;
  component?: string;
  /** Of use to programs: people see one worker at a time. */
  worker?: string;
  msg?: string;
  err?: { message?: string; stack?: string };
  [field: string]: unknown;
}

const WARN = 40;
const ERROR = 50;

function formatForPeople(line: string): string {
  const { level, time, component, worker: _, msg = "", err, ...fields } = JSON.parse(line) as LogLine;
  const name = pino.levels.labels[level] ?? "";
  const colour = level >= ERROR ? "red" : level >= WARN ? "yellow" : "dim";
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const who = component === undefined ? undefined : `${component}:`;
  const parts = [who, msg, err?.stack ?? err?.message, ...rest];
  const text = parts.filter((part) => part !== undefined && part !== "").join(" ");
  return `${styleText(colour, `${time.slice(11, 19)} ${name.padEnd(5)}`)} ${stripVTControlCharacters(text)}\n`;
}

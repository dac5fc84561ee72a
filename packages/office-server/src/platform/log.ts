import { stripVTControlCharacters, styleText } from "node:util";
import { type Logger, pino } from "pino";
import { type LogLevel, withoutPasswords } from "./config.ts";

export type { Logger };

interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
}

/**
 * A logger that writes to standard error: for people on a terminal, one JSON object a line otherwise. No password of
 * an address gets into it, whichever field or message it is in.
 */
export function createLogger(level: LogLevel, sink: Sink = process.stderr): Logger {
  const format = sink.isTTY === true ? formatForPeople : (line: string): string => line;
  const destination = { write: (line: string) => void sink.write(withoutPasswords(format(line))) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

interface LogLine {
  level: number;
  time: string;
  msg?: string;
  err?: { message?: string; stack?: string };
  [field: string]: unknown;
}

const WARN = 40;
const ERROR = 50;

function formatForPeople(line: string): string {
  const { level, time, msg = "", err, ...fields } = JSON.parse(line) as LogLine;
  const name = pino.levels.labels[level] ?? "";
  const colour = level >= ERROR ? "red" : level >= WARN ? "yellow" : "dim";
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const text = [msg, err?.stack ?? err?.message, ...rest].filter((part) => part !== undefined && part !== "").join(" ");
  return `${styleText(colour, `${time.slice(11, 19)} ${name.padEnd(5)}`)} ${stripVTControlCharacters(text)}\n`;
}

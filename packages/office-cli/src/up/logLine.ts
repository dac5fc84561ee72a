import { timeOfDay } from "../durations.ts";
import { dim, type Line, padded, type Span, styled } from "../line.ts";

/** A line of a process's log as people read it: `12:03:04 worker  ready url=http://...`. What is no log line stays whole. */
export function logLine(name: string, text: string, nameWidth: number): Line {
  const entry = readEntry(text);
  const prefix = styled(name.startsWith("api") ? "cyan" : "magenta", padded(name, nameWidth));
  if (entry === null) return [" ".repeat(9), prefix, "  ", text];
  const { level, time, component: _, worker: __, msg = "", err, req, res, responseTime, ...fields } = entry;
  const words = [
    msg === "request completed" || msg === "request errored" ? "" : msg,
    req === undefined ? "" : `${req.method} ${req.url} ${res?.status ?? ""} in ${Math.round(responseTime ?? 0)} ms`,
    err?.message ?? "",
    ...Object.entries(fields).map(
      ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
    ),
  ];
  const message = words.filter((word) => word !== "").join(" ");
  return [dim(timeOfDay(new Date(time))), " ", prefix, "  ", inLevelsColour(level, message)];
}

interface Entry {
  level: number;
  time: string;
  component?: string;
  worker?: string;
  msg?: string;
  err?: { message?: string };
  req?: { method: string; url: string };
  res?: { status: number };
  responseTime?: number;
  [field: string]: unknown;
}

function readEntry(text: string): Entry | null {
  if (!text.startsWith("{")) return null;
  try {
    const value = JSON.parse(text) as Partial<Entry>;
    return typeof value.level === "number" && typeof value.time === "string" ? (value as Entry) : null;
  } catch {
    return null;
  }
}

const WARN = 40;
const ERROR = 50;

const inLevelsColour = (level: number, text: string): Span | string => {
  if (level >= ERROR) return styled("red", text);
  return level >= WARN ? styled("yellow", text) : text;
};

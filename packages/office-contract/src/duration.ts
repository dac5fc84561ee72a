import { DURATION_MS_MAX } from "./limits.ts";

/** Days, hours, minutes, seconds and milliseconds, in this order, at least one of them: `90s`, `1h30m`, `250ms`. */
export const DURATION_PATTERN = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1000, 1] as const;

/**
 * The length of a written duration in ms, or null where the text is none or is longer than DURATION_MS_MAX.
 * `1h30m` is 5,400,000.
 */
export const parseDuration = (text: string): number | null => {
  const parts = DURATION_PATTERN.exec(text);
  if (parts === null) return null;
  const ms = UNITS_MS.reduce((sum, unit, index) => sum + unit * Number(parts[index + 1] ?? 0), 0);
  return ms <= DURATION_MS_MAX ? ms : null;
};

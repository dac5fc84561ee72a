const SECOND = 1_000;
const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** How long something took: `5.2 s`, `3 min 4 s`, `2 h 5 min`. */
export const duration = (ms: number): string =>
  ms < MINUTE * SECOND ? `${(Math.max(ms, 0) / SECOND).toFixed(1)} s` : inWords(Math.round(ms / SECOND));

/** How long it is until something: `60 s`, `2 min`, `1 h 30 min`. */
export const wait = (ms: number): string => {
  const seconds = Math.ceil(Math.max(ms, 0) / SECOND);
  return seconds < 2 * MINUTE ? `${seconds} s` : inWords(seconds);
};

const inWords = (seconds: number): string => {
  const units =
    seconds < HOUR
      ? [`${Math.floor(seconds / MINUTE)} min`, `${seconds % MINUTE} s`]
      : [`${Math.floor(seconds / HOUR)} h`, `${Math.floor((seconds % HOUR) / MINUTE)} min`];
  return units.filter((unit) => !unit.startsWith("0 ")).join(" ");
};

/** A running time, as on a stopwatch: `0:42`, `12:03`, `1:02:03`. */
export const stopwatch = (ms: number): string => {
  const seconds = Math.floor(Math.max(ms, 0) / SECOND);
  const twoDigits = (number: number): string => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / MINUTE) % 60;
  if (seconds < HOUR) return `${minutes}:${twoDigits(seconds % MINUTE)}`;
  return `${Math.floor(seconds / HOUR)}:${twoDigits(minutes)}:${twoDigits(seconds % MINUTE)}`;
};

/** The time of day, here: `12:03:04`. */
export const timeOfDay = (time: Date): string =>
  [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");

const DAY = 24 * HOUR;

/** How long ago something was, to be taken in at a glance: `now`, `42s ago`, `3m ago`, `5h ago`, `12d ago`. */
export const ago = (ms: number): string => {
  const seconds = Math.floor(ms / SECOND);
  if (seconds < 1) return "now";
  if (seconds < MINUTE) return `${seconds}s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m ago`;
  return seconds < DAY ? `${Math.floor(seconds / HOUR)}h ago` : `${Math.floor(seconds / DAY)}d ago`;
};

/** A duration as it is written in plans and settings, to the millisecond: `30m`, `1h30m`, `250ms`, `0s`. */
export const written = (ms: number): string => {
  const units: [number, string][] = [
    [DAY * SECOND, "d"],
    [HOUR * SECOND, "h"],
    [MINUTE * SECOND, "m"],
    [SECOND, "s"],
    [1, "ms"],
  ];
  let rest = ms;
  let text = "";
  for (const [unit, name] of units) {
    if (rest >= unit) text += `${Math.floor(rest / unit)}${name}`;
    rest %= unit;
  }
  return text === "" ? "0s" : text;
};

import type { Finding, Verdict } from "./history/finding.ts";
import type { Run } from "./run.ts";
import type { World } from "./world/World.ts";

const REASONS_SHOWN_MAX = 5;

/** What a run was, and how it ended, for people. */
export function reportOn(
  { history, nemesis, rescues, orphans }: Run,
  verdict: Verdict,
  findings: readonly Finding[],
  world: World,
): string {
  const jobs = [...history.events.values()].flat().filter(({ type }) => type === "job_created").length;
  const started = [...history.events.values()].flat().filter(({ type }) => type === "job_started").length;
  const own = history.sessions.filter(({ external }) => !external).length;
  const kinds = [...nemesis.counts].toSorted(([one], [other]) => one.localeCompare(other));
  const skipped = [...nemesis.skipped].filter(([name]) => !nemesis.counts.has(name)).map(([name]) => name);
  return [
    "",
    `faults     ${nemesis.faults}: ${kinds.map(([name, count]) => `${name} ${count}`).join(", ")}`,
    ...(skipped.length > 0 ? [`skipped    ${skipped.join(", ")}`] : []),
    `jobs       ${jobs}, ${started} executions, ${own} sessions of programs`,
    `requests   ${history.calls.length}, ${history.calls.filter(({ outcome }) => outcome === "unknown").length} without an answer`,
    `restarts   ${[world.api, ...world.workers].map(({ process }) => `${process.name} ${process.starts - 1}`).join(", ")}`,
    `taken over ${distribution(rescues.takenOver)}`,
    `rescued    ${distribution(rescues.rescued)}`,
    `database back, to the next start: ${distribution(rescues.backToWork)}`,
    "",
    ...findings.flatMap(linesOf),
    `${orphans.length === 0 ? "valid  " : "INVALID"}  no process of any session is left${orphans.length === 0 ? "" : `: ${orphans.join(", ")}`}`,
    "",
    `verdict: ${orphans.length === 0 ? verdict : "invalid"}`,
  ].join("\n");
}

const linesOf = ({ invariant, verdict, judged, reasons }: Finding): string[] => [
  `${verdict === "valid" ? "valid  " : verdict.toUpperCase()}  ${invariant} (${judged} judged)`,
  ...reasons.slice(0, REASONS_SHOWN_MAX).map((reason) => `         ${reason}`),
  ...(reasons.length > REASONS_SHOWN_MAX ? [`         and ${reasons.length - REASONS_SHOWN_MAX} more`] : []),
];

/** Of durations in ms. */
function distribution(values: readonly number[]): string {
  if (values.length === 0) return "never";
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): string =>
    seconds(sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0);
  return `${values.length} times, p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}`;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

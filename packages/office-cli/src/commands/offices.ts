import type { Office } from "office-contract/api/offices.ts";
import type { JobQueueStats } from "office-contract/api/scheduler.ts";
import { JOB_STATES, type OfficeState } from "office-contract/vocabulary.ts";
import { wallClock } from "office-server/platform/clock.ts";
import { connect } from "../api/connect.ts";
import { listOffices, openOffice } from "../api/findOffice.ts";
import { duration } from "../durations.ts";
import { count, dim, type Line, padded } from "../line.ts";
import { isTerminal, type Output, remark, widthOf, writeJson, writeLines, writeWhole } from "../output.ts";
import { type Column, factLines, tableLines } from "../table.ts";
import { stateWord, timeWords } from "../wording.ts";

export interface OfficeOptions {
  office?: string;
  json: boolean;
}

/** `office offices`: lists the offices that the key opens. Returns the exit code. */
export async function showOffices({ json }: OfficeOptions, output: Output): Promise<number> {
  const offices = await listOffices(connect().client);
  const { stdout } = output;
  if (json) writeJson(stdout, ...offices);
  else if (offices.length === 0) remark(output, "no offices");
  else writeLines(stdout, tableLines(offices, officeColumns(isTerminal(stdout)), widthOf(stdout)));
  return 0;
}

function officeColumns(forPeople: boolean): Column<Office>[] {
  const time = timeWords(forPeople, wallClock().getTime());
  return [
    { title: "NAME", cell: ({ name }) => name, widthMin: 16 },
    { title: "STATUS", cell: ({ status }) => stateWord(status) },
    { title: "CREATED", cell: ({ created_at: at }) => time(at) },
    { title: "ID", cell: ({ id }) => id, optional: true },
    { title: "ROLES", cell: ({ roles }) => roles.join(", "), widthMin: 10 },
  ];
}

const AFTERWARDS: Record<OfficeState, string> = {
  active: "is active",
  paused: "is paused: nothing new starts, what runs goes on to its end",
  archived: "is archived: what had not ended is cancelled",
};

/** `office pause`, `office resume` and `office archive`: changes the state of an office. Returns the exit code. */
export async function setOfficeState(
  named: string,
  status: OfficeState,
  { json }: OfficeOptions,
  output: Output,
): Promise<number> {
  const { client, officeId } = await openOffice({ office: named });
  const office = await client.call("patchOffice", { params: { officeId }, body: { status } });
  if (json) writeJson(output.stdout, office);
  else writeWhole(output.stdout, [[`office ${office.name} ${AFTERWARDS[status]}`]]);
  return 0;
}

/** `office stats`: counts an office's jobs by state, and more. Returns the exit code. */
export async function showStats(options: OfficeOptions, output: Output): Promise<number> {
  const { client, officeId } = await openOffice(options);
  const stats = await client.call("getStats", { params: { officeId } });
  if (options.json) writeJson(output.stdout, stats);
  else writeLines(output.stdout, factLines(statFacts(stats)));
  return 0;
}

export function statFacts(stats: JobQueueStats): (readonly [string, Line])[] {
  const width = String(stats.total).length;
  const sessions = `${stats.running_sessions} of ${stats.running_sessions + stats.available_slots}`;
  const byRole = Object.entries(stats.running_by_role).map(([role, number]) => `${role} ${number}`);
  return [
    ...JOB_STATES.map((state): readonly [string, Line] => [
      state,
      [
        padded("", width - String(stats[state]).length),
        stats[state] === 0 ? dim("0") : { ...stateWord(state), text: String(stats[state]) },
      ],
    ]),
    ["total", [String(stats.total)]],
    ["sessions", [sessions, dim(byRole.length > 0 ? ` (${byRole.join(", ")})` : "")]],
    ["workers", [stats.workers === 0 ? { text: "0", style: "red" } : String(stats.workers)]],
    ["average time", [stats.avg_completion_time === null ? "-" : duration(stats.avg_completion_time)]],
    ["longest ready", [stats.oldest_ready_ms === null ? "-" : duration(stats.oldest_ready_ms)]],
  ];
}

/** `office process`: runs one scheduling pass now. Returns the exit code. */
export async function processOffice(options: OfficeOptions, output: Output): Promise<number> {
  const { client, officeId } = await openOffice(options);
  const answer = await client.call("processOffice", { params: { officeId } });
  if (options.json) writeJson(output.stdout, answer);
  else
    writeWhole(output.stdout, [
      [`${count(answer.activated, "job")} became ready, ${count(answer.started, "session")} started`],
    ]);
  return 0;
}

import type { Job } from "office-contract/api/jobs.ts";
import { type Output, remark } from "../output.ts";
import { UsageError } from "../usageError.ts";
import type { OpenOffice } from "./findOffice.ts";
import { isId, isIdPrefix, withPrefix } from "./ids.ts";
import { jobPages } from "./jobPages.ts";

/** How many jobs are looked through, the newest first: an office may have millions. */
const LOOKED_THROUGH_MAX = 50_000;
const NAMED_MAX = 10;

/**
 * The id of the job that a user has named: by its id, by a key, which is the newest job's of that key, or by the beginning
 * of an id that no other job's begins with. Where several jobs have the key, that is remarked.
 *
 * @throws UsageError when there is no such job, or several
 */
export async function findJob({ client, officeId }: OpenOffice, named: string, output: Output): Promise<string> {
  if (isId(named)) return named;
  const begun: Job[] = [];
  let looked = 0;
  for await (const { jobs } of jobPages(client, officeId)) {
    const [newest, ...older] = newestFirst(jobs.filter(({ key }) => key === named));
    if (newest !== undefined) {
      if (older.length > 0) remark(output, describeChoice(newest, older.length));
      return newest.id;
    }
    if (isIdPrefix(named)) begun.push(...withPrefix(jobs, named));
    looked += jobs.length;
    if (looked >= LOOKED_THROUGH_MAX) break;
  }
  const [only, ...others] = begun;
  if (only === undefined) {
    const among = looked >= LOOKED_THROUGH_MAX ? ` among the newest ${looked} jobs` : "";
    throw new UsageError(`there is no job "${named}"${among} in this office; a job is named by its key or its id`);
  }
  if (others.length === 0) return only.id;
  const ids = begun.slice(0, NAMED_MAX).map(({ id, key }) => (key === null ? id : `${id} (${key})`));
  const hidden = begun.length - ids.length;
  const more = hidden > 0 ? ` … and ${hidden} more` : "";
  throw new UsageError(`"${named}" begins the ids of ${begun.length} jobs: ${ids.join(", ")}${more}`);
}

/** The id of the task that a user has named: by its id, or by the beginning of it. */
export async function findTask({ client, officeId }: OpenOffice, named: string): Promise<string> {
  if (isId(named)) return named;
  if (!isIdPrefix(named)) throw new UsageError(`"${named}" is no task's id, nor 6 or more characters of its beginning`);
  const tasks = new Set<string>();
  let looked = 0;
  for await (const { jobs } of jobPages(client, officeId)) {
    for (const { task_id: id } of jobs) if (id?.startsWith(named.toLowerCase()) === true) tasks.add(id);
    looked += jobs.length;
    if (looked >= LOOKED_THROUGH_MAX) break;
  }
  const [only] = tasks;
  if (only === undefined) throw new UsageError(`there is no task whose id begins with "${named}" in this office`);
  if (tasks.size > 1) throw new UsageError(`"${named}" begins the ids of several tasks: ${[...tasks].join(", ")}`);
  return only;
}

const newestFirst = (jobs: readonly Job[]): Job[] =>
  jobs.toSorted((one, other) => other.created_at.localeCompare(one.created_at) || other.id.localeCompare(one.id));

const describeChoice = ({ key, id }: Job, olderCount: number): string =>
  `${olderCount + 1} jobs have the key "${key}"; this is about the newest, ${id}`;

import type { Database } from "../../db/connection.ts";
import { askForPass, type PassSummary } from "../../db/passRequests.ts";
import { liveWorkers } from "../../db/queries/liveWorkers.ts";
import { runPass } from "../../db/transitions/runPass.ts";
import { DependencyResolver } from "./DependencyResolver.ts";

const ANSWER_MS_MAX = 5_000;

/**
 * One scheduling pass over an office, now, by whoever can start sessions: its workers. Where none is alive, what waits for
 * nothing becomes ready all the same, and nothing starts.
 */
export async function requestPass(database: Database, officeId: string): Promise<PassSummary> {
  const workers = await liveWorkers(database);
  const answers = workers === 0 ? [] : await askForPass(database, officeId, { workers, timeoutMs: ANSWER_MS_MAX });
  const own = answers.length === 0 ? [await passWithoutStart(database, officeId)] : [];
  return [...answers, ...own].reduce((sum, answer) => ({
    activated: sum.activated + answer.activated,
    started: sum.started + answer.started,
  }));
}

async function passWithoutStart(database: Database, officeId: string): Promise<PassSummary> {
  await new DependencyResolver(database).admitForeignJobs(officeId);
  const pass = { officeIds: [officeId], settlements: [], workerId: "none", claimsMax: 0, taskId: null };
  const { activated } = await runPass(database, pass);
  return { activated, started: 0 };
}

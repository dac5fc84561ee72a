import { officeConfig } from "../../db/queries/offices.ts";
import { officeStats } from "../../db/queries/officeStats.ts";
import { countJobs } from "../../db/transitions/countJobs.ts";
import { Refusal } from "../../domain/refusal.ts";
import { changeConfig } from "../../services/offices.ts";
import { requestPass } from "../../services/scheduler/passRequests.ts";
import type { Handlers } from "../handler.ts";

const notThere = (officeId: string): Refusal => new Refusal("not_found", `there is no office ${officeId}`);

export const schedulerHandlers: Handlers<"getStats" | "getConfig" | "patchConfig" | "processOffice"> = {
  getStats: async ({ database }, { params: { officeId } }) => {
    await countJobs(database, officeId);
    const row = await officeStats(database, officeId);
    if (row === null) throw notThere(officeId);
    const { max_concurrent_jobs: slots, avg_completion_time: average, oldest_ready_ms: oldest, ...counts } = row;
    const { total, done, failed, timeout, cancelled, ready, processing } = counts;
    return {
      office_id: officeId,
      ...counts,
      // A job that was cancelled between the two looks is counted as such already.
      pending: Math.max(total - done - failed - timeout - cancelled - ready - processing, 0),
      avg_completion_time: average === null ? null : Math.round(average),
      available_slots: Math.max(slots - counts.running_sessions, 0),
      oldest_ready_ms: oldest === null ? null : Math.max(Math.round(oldest), 0),
    };
  },

  getConfig: async ({ database }, { params: { officeId } }) => {
    const config = await officeConfig(database, officeId);
    if (config === null) throw notThere(officeId);
    return config;
  },

  patchConfig: async ({ database, announcer }, { params: { officeId }, body }) => {
    const config = await changeConfig(database, officeId, body);
    // A limit that was raised lets jobs start.
    announcer.announce([officeId]);
    return config;
  },

  processOffice: ({ database }, { params: { officeId } }) => requestPass(database, officeId),
};

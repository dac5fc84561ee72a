import type { Cancellation } from "../../db/transitions/cancelJobs.ts";
import {
  cancelJob,
  cancelMatching,
  changeAssignee,
  changePriority,
  changeTimeout,
  retryJob,
} from "../../services/jobs/jobControls.ts";
import type { Handlers } from "../handler.ts";
import { presentJob, showJob } from "./presentation.ts";

const presentCancellation = ({ cancelled, stopping }: Cancellation) => ({
  cancelled: cancelled.length,
  stopping: stopping.length,
  job_ids: cancelled,
});

export const controlHandlers: Handlers<
  "retryJob" | "cancelJob" | "cancelAll" | "setPriority" | "setTimeout" | "setAssignee"
> = {
  retryJob: async ({ database, announcer }, { params, query: { downstream } }) => {
    const jobIds = await retryJob(database, params, downstream === "true");
    announcer.announce([params.officeId]);
    return { job: presentJob(await showJob(database, params)), job_ids: jobIds };
  },

  cancelJob: async ({ database, announcer }, { params, body: { reason } }) => {
    const cancellation = await cancelJob(database, params, reason);
    announcer.order([params.officeId]);
    return presentCancellation(cancellation);
  },

  cancelAll: async ({ database, announcer }, { params: { officeId }, body }) => {
    const { task_id: taskId = null, role = null, status: states = null, reason } = body;
    const cancellation = await cancelMatching(database, officeId, { taskId, role, states }, reason);
    announcer.order([officeId]);
    return presentCancellation(cancellation);
  },

  setPriority: async ({ database, announcer }, { params, body: { priority } }) => {
    await changePriority(database, params, priority);
    announcer.announce([params.officeId]);
    return presentJob(await showJob(database, params));
  },

  setTimeout: async ({ database, announcer }, { params, body: { timeout_ms: timeoutMs } }) => {
    if (await changeTimeout(database, params, timeoutMs)) announcer.order([params.officeId]);
    return presentJob(await showJob(database, params));
  },

  setAssignee: async ({ database, announcer }, { params, body: { role = null, agent_id: agentId, requeue } }) => {
    const runs = await changeAssignee(database, params, { role, agentId, requeue });
    if (runs) announcer.order([params.officeId]);
    else announcer.announce([params.officeId]);
    return presentJob(await showJob(database, params));
  },
};

import { Refusal } from "../../domain/refusal.ts";
import { executionState } from "../../services/executions/externalExecution.ts";
import { completeExecution, renewLease } from "../../services/executions/reports.ts";
import { issueExecutionToken } from "../../services/executions/tokens.ts";
import type { Handlers } from "../handler.ts";

export const executionHandlers: Handlers<"completeExecution" | "heartbeatExecution" | "createExecutionToken"> = {
  completeExecution: async ({ database, announcer }, { params: { executionId }, body }) => {
    const { officeId, jobId, status } = await completeExecution(database, executionId, body);
    announcer.announce([officeId]);
    return { execution_id: executionId, job_id: jobId, status };
  },

  heartbeatExecution: async ({ database }, { params: { executionId }, body }) => {
    const { until, stop } = await renewLease(database, executionId, body.output);
    return { lease_until: until.toISOString(), stop };
  },

  createExecutionToken: async ({ database }, { params: { executionId }, caller }) => {
    const execution = await executionState(database, executionId);
    const opens = caller?.officeId === null || caller?.officeId === execution?.office_id;
    if (execution === null || !opens) throw new Refusal("not_found", `there is no execution ${executionId}`);
    if (!execution.external) {
      throw new Refusal("not_external", "the scheduler runs this session itself, and reports its end");
    }
    if (!execution.live) throw new Refusal("execution_is_over", `execution ${executionId} has ended already`);
    return { execution_id: executionId, execution_token: await issueExecutionToken(database, executionId) };
  },
};

import { z } from "zod";
import {
  completeSchema,
  completedSchema,
  executionTokenSchema,
  heartbeatAnswerSchema,
  heartbeatSchema,
} from "../executions.ts";
import { idSchema } from "../fields.ts";
import { type Route } from "./route.ts";

const execution = z.strictObject({ executionId: idSchema });

export const executionRoutes = {
  completeExecution: {
    method: "post",
    path: "/executions/:executionId/complete",
    tag: "Executions",
    summary: "Report the end of a session that runs elsewhere",
    access: "execution",
    params: execution,
    body: completeSchema,
    status: 200,
    response: completedSchema,
    problems: ["execution_is_over"],
  },
  heartbeatExecution: {
    method: "post",
    path: "/executions/:executionId/heartbeat",
    tag: "Executions",
    summary: "Say that a session that runs elsewhere is alive, and learn whether it must stop",
    access: "execution",
    params: execution,
    body: heartbeatSchema,
    bodyOptional: true,
    status: 200,
    response: heartbeatAnswerSchema,
    problems: ["execution_is_over"],
  },
  createExecutionToken: {
    method: "post",
    path: "/executions/:executionId/token",
    tag: "Executions",
    summary: "Get a token for an external session, for a service that is not told by webhook",
    access: "office-write",
    params: execution,
    body: z.strictObject({}),
    bodyOptional: true,
    status: 201,
    response: executionTokenSchema,
    problems: ["execution_is_over", "not_external"],
  },
} as const satisfies Record<string, Route>;

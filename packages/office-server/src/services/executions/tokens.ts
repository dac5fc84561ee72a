import type { Queryable } from "../../db/connection.ts";
import { hasExecutionToken, insertExecutionToken } from "../../db/queries/executionTokens.ts";
import { newSecret } from "../../platform/ids.ts";
import { hashOf } from "../access/keys.ts";

const TOKEN = /^ofx_[\w-]{43}$/;

/** Makes a token that opens an execution, and no other. It is returned and not kept. An execution may have several. */
export async function issueExecutionToken(database: Queryable, executionId: string): Promise<string> {
  const token = `ofx_${newSecret()}`;
  await insertExecutionToken(database, executionId, hashOf(token));
  return token;
}

/** Whether a token opens the execution. */
export const verifyExecutionToken = async (database: Queryable, executionId: string, token: string): Promise<boolean> =>
  TOKEN.test(token) && (await hasExecutionToken(database, executionId, hashOf(token)));

import { expect, test } from "vitest";
import { setupFile, sql } from "../../../../../test/support/scheduler.ts";
import { newId, newSecret } from "../../../src/platform/ids.ts";
import { issueExecutionToken, verifyExecutionToken } from "../../../src/services/executions/tokens.ts";

const world = setupFile();

test("a token opens its execution, and no other", async () => {
  const { database } = world();
  const [executionId, other] = [newId(), newId()];
  const token = await issueExecutionToken(database, executionId);
  const second = await issueExecutionToken(database, executionId);
  expect(token).toMatch(/^ofx_[\w-]{43}$/);
  await expect(verifyExecutionToken(database, executionId, token)).resolves.toBe(true);
  await expect(verifyExecutionToken(database, executionId, second)).resolves.toBe(true);
  await expect(verifyExecutionToken(database, other, token)).resolves.toBe(false);
});

test("nothing else opens it", async () => {
  const { database } = world();
  const executionId = newId();
  const token = await issueExecutionToken(database, executionId);
  for (const wrong of [
    "",
    "ofx_",
    token.slice(0, -1),
    `${token}A`,
    `ofx_${newSecret()}`,
    token.replace("ofx", "ofk"),
  ]) {
    await expect(verifyExecutionToken(database, executionId, wrong)).resolves.toBe(false);
  }
});

test("what is stored is not the token", async () => {
  const executionId = newId();
  const token = await issueExecutionToken(world().database, executionId);
  const [row] = await sql(world(), "SELECT t::text AS row FROM job_execution_tokens t WHERE execution_id = $1", [
    executionId,
  ]);
  expect(row?.["row"]).not.toContain(token.slice(4));
});

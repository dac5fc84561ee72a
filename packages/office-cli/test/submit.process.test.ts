import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { submitPlan } from "../src/commands/submit.ts";
import { makeJob, OFFICE_ID } from "./support/api.ts";

const SUBMITTED = {
  task_id: makeJob(9).id,
  jobs: [makeJob(1)],
  execution_order: [[makeJob(1).id]],
  warnings: ["slow"],
};

/** A service that has one office, and does with requests to submit what the test says, one after the other. */
async function setup(...answers: ((response: ServerResponse, request: IncomingMessage) => void)[]) {
  const keys: (string | string[] | undefined)[] = [];
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      keys.push(request.headers["idempotency-key"]);
      request.resume().once("end", () => answers.shift()?.(response, request));
    } else response.end(JSON.stringify({ offices: [{ id: OFFICE_ID, name: "shop" }], next_cursor: null }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const folder = mkdtempSync(join(tmpdir(), "office-submit-"));
  const plan = join(folder, "plan.yaml");
  writeFileSync(plan, "office: shop\njobs: [{ key: a, run: x }]");
  vi.stubEnv("OFFICE_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv("OFFICE_TOKEN", "ofk_test");
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const io = { stdout, stderr } as unknown as Parameters<typeof submitPlan>[2];
  const submit = () => submitPlan(plan, { follow: false, json: true }, io);
  return { submit, keys, said: () => ({ stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? "") }) };
}

const succeed = (response: ServerResponse): void => {
  response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(SUBMITTED));
};

test("a request whose answer is lost is sent again, and is known to be the same", async () => {
  const { submit, keys, said } = await setup(
    (_, request) => request.socket.destroy(),
    (response) => {
      response.writeHead(201, { "content-length": "1000" }).write("{");
      response.destroy();
    },
    (response) => response.writeHead(502).end("bad gateway"),
    succeed,
  );
  expect(await submit()).toBe(0);
  expect(keys).toHaveLength(4);
  expect(new Set(keys).size).toBe(1);
  expect(said()).toEqual({ stdout: `${JSON.stringify(SUBMITTED)}\n`, stderr: "warning: slow\n" });
});

test("two submissions of a plan are two requests", async () => {
  const { submit, keys } = await setup(succeed, succeed);
  await submit();
  await submit();
  expect(new Set(keys).size).toBe(2);
});

test("a refusal is not asked for again", async () => {
  const { submit, keys } = await setup((response) =>
    response.writeHead(409).end(JSON.stringify({ detail: "the office is archived", code: "office_is_archived" })),
  );
  await expect(submit()).rejects.toThrow("the office is archived");
  expect(keys).toHaveLength(1);
});

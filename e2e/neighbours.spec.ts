import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { type Service, type ServiceOffice, setup } from "./support/service.ts";

const EXAMPLES = join(import.meta.dirname, "../examples/neighbours");
/** The neighbours of these tests are on this machine. */
const PRIVATE = { WEBHOOK_ALLOW_PRIVATE: "1" };

/** One of the examples as a process of its own, as somebody would try it. */
class Neighbour {
  readonly lines: string[] = [];
  readonly exit: Promise<number | null>;
  readonly #waiting = new Set<() => void>();
  errors = "";

  constructor(service: Service, office: ServiceOffice, name: string, args: readonly string[] = []) {
    const child = spawn(process.execPath, [join(EXAMPLES, `${name}.mjs`), ...args], {
      env: { PATH: process.env["PATH"], OFFICE_URL: service.url, OFFICE_TOKEN: service.token, OFFICE_ID: office.id },
      stdio: ["ignore", "pipe", "pipe"],
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.lines.push(line);
      for (const look of this.#waiting) look();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.errors += text));
    this.exit = new Promise((resolve) => {
      child.on("close", resolve);
    });
    onTestFinished(async () => {
      child.kill("SIGTERM");
      await this.exit;
    });
  }

  /** Resolves when it has written so many lines that begin with, or end with, some words. */
  async says(words: RegExp, count = 1): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.lines.filter((line) => words.test(line)).length >= count) resolve();
    };
    this.#waiting.add(look);
    look();
    await promise;
  }
}

async function setupNeighbours() {
  const service = await setup(PRIVATE);
  await service.startWorker({ PUBLIC_URL: service.url });
  const office = await service.createOffice();
  const start = (name: string, ...args: string[]) => new Neighbour(service, office, name, args);
  return { service, office, start };
}

test("a request is decomposed, carried out by sessions elsewhere, and each job gets its pull request", async () => {
  const { service, office, start } = await setupNeighbours();
  const [orchestrator, pullRequests] = [start("sessionOrchestrator"), start("pullRequests")];
  await Promise.all([orchestrator.says(/^told of/), pullRequests.says(/^told of/)]);
  const decomposer = start("decomposer", "Login feature");
  expect(await decomposer.exit, decomposer.errors).toBe(0);
  const keys = ["design", "api", "form", "test"];
  await expect(office.log.ends(...keys)).resolves.toEqual(
    Object.fromEntries(keys.map((key) => [key, "job_completed"])),
  );
  await pullRequests.says(/ is #\d$/, 4);
  await orchestrator.says(/ is done$/, 4);

  const { jobs } = await service.client.call("listJobs", { params: office.params });
  expect(new Set(jobs.map(({ pr_number: number }) => number))).toEqual(new Set([1, 2, 3, 4]));
  expect(jobs.find(({ key }) => key === "design")).toMatchObject({
    result: { did: "Design Login feature." },
    branch_name: expect.stringMatching(/^jobs\//) as string,
  });
  expect([orchestrator.errors, pullRequests.errors]).toEqual(["", ""]);
});

test("a job is handed over, whether it waits or runs", async () => {
  const { office, start } = await setupNeighbours();
  await office.submit([
    { key: "runs", role: "BE", runtime: "external", lease: "1s" },
    { key: "waits", role: "BE", runtime: "external", depends_on: ["runs"] },
  ]);
  await office.log.event("job_started", "runs");
  const waiting = start("handOver", office.job("waits").jobId, "FE");
  expect(await waiting.exit, waiting.errors).toBe(0);
  expect(waiting.lines).toEqual(["FE has it now, and it is pending"]);
  const running = start("handOver", office.job("runs").jobId, "FE");
  expect(await running.exit, running.errors).toBe(0);
  expect(running.lines).toEqual([expect.stringMatching(/^it was running; FE has it now, and it is /)]);
  const again = await office.log.event("job_started", "runs", 2);
  expect(again.role).toBe("FE");
});

import { describe, expect, test } from "vitest";
import { setup, setupFile } from "./support/service.ts";
import { Shell, shellFor, withOneJob } from "./support/shell.ts";

/** Without a worker: nothing starts. Each test has an office of its own in it. */
const idle = setupFile();

describe("offices", () => {
  test("are paused, resumed, archived, looked at and configured", async () => {
    const { shell, office } = await withOneJob(idle());
    expect(await shell.run("pause", office)).toEqual([
      `office ${office} is paused: nothing new starts, what runs goes on to its end`,
    ]);
    expect(await shell.json("resume", office)).toMatchObject([{ name: office, status: "active" }]);
    expect(await shell.run("process")).toEqual(["0 jobs became ready, 0 sessions started"]);
    expect(await shell.run("config", "maxConcurrentByRole.BE=2", "defaultTimeout=45m")).toEqual(
      expect.arrayContaining(["maxConcurrentByRole.BE=2", "defaultTimeout=45m"]),
    );
    expect(await shell.json("config", "maxConcurrentByRole.BE=")).toMatchObject([{ maxConcurrentByRole: {} }]);
    expect(await shell.fail(2, "config", "maxConcurrentJobs=0")).toBe("office: maxConcurrentJobs must be 1 or more\n");
    await shell.run("archive", office);
    expect(await shell.json("jobs", "-s", "cancelled")).toHaveLength(1);
  });

  test("are followed, events and output, through an API that is killed and starts again", async () => {
    const { shell, office } = shellFor(await setup());
    const { folder } = shell.service;
    const run = "echo before; until [ -e go ]; do sleep 0.05; done; echo after";
    folder.plan({ office, jobs: [{ key: "a", run }] });
    await shell.run("submit", "plan.yaml");
    await shell.service.startWorker();
    const events = shell.start("events", "-f", "--after", "0", "--json");
    await events.event("job_started", "a");
    const logs = shell.start("logs", "a", "-f");
    await logs.line("before");
    await shell.service.restartApi();
    folder.write("go", "");
    await events.event("job_completed", "a");
    expect(await logs.exit, logs.stderr).toBe(0);
    expect(logs.stdout).toEqual(["before", "after"]);
    events.signalGroup("SIGINT");
    expect(await events.exit).toBe(130);
    expect(events.story("job_created", "job_ready", "job_started", "job_completed")).toEqual([
      "created a",
      "ready a",
      "started a",
      "completed a",
    ]);
  });
});

describe("keys", () => {
  test("are made for an office, open nothing else, and are revoked", async () => {
    const { shell, office } = await withOneJob(idle());
    const { office: secret } = await withOneJob(idle());
    const [token = ""] = await shell.run("keys", "create", "dashboard", "--read", "-o", office);
    expect(token).toMatch(/^ofk_[\w-]{43}$/);

    const reader = new Shell(shell.service, { OFFICE_TOKEN: token });
    expect(await reader.json("jobs")).toMatchObject([{ key: "a" }]);
    expect(await reader.fail(2, "jobs", "-o", secret)).toContain(
      `no office "${secret}" that this key opens; there is ${office}`,
    );
    expect(await reader.fail(1, "cancel", "a")).not.toBe("");
    expect(await reader.fail(1, "keys")).not.toBe("");

    const [, key] = await shell.json<{ name: string; access: string }>("keys");
    expect(key).toMatchObject({ name: "dashboard", access: "read" });
    expect(await shell.run("keys", "revoke", "dashboard")).toEqual(['key "dashboard" is revoked']);
    expect(await reader.fail(1, "jobs")).toContain(
      "does not take the key in OFFICE_TOKEN: it is another API's, or was revoked",
    );
    expect(await shell.fail(2, "keys", "revoke", "dashboard")).toContain('there is no key "dashboard" in use');
  });

  test("that are missing are asked for, with where they were looked for", async () => {
    const { shell } = shellFor(idle());
    const stranger = new Shell(shell.service, { OFFICE_HOME: shell.service.folder.at("elsewhere") });
    expect(await stranger.fail(1, "jobs")).toContain(
      `none was found (OFFICE_TOKEN is not set, and ${shell.service.folder.at("elsewhere", "token")} is not there)`,
    );
  });
});

test("webhooks are added, switched and removed", async () => {
  const { shell } = await withOneJob(idle());
  const url = "https://example.com/hook";
  const [secret] = await shell.run("webhooks", "add", url, "--events", "failed,job_timeout");
  expect(secret).toMatch(/^whsec_/);
  expect(await shell.json("webhooks")).toMatchObject([{ url, events: ["job_failed", "job_timeout"], enabled: true }]);
  expect(await shell.json("webhooks", "disable", url)).toMatchObject([{ enabled: false }]);
  expect(await shell.json("webhooks", "enable", url)).toMatchObject([{ enabled: true }]);
  expect(await shell.fail(2, "webhooks", "add", url, "--events", "never")).toContain('there is no event "never"');
  expect((await shell.run("webhooks", "remove", url))[0]).toContain(`to ${url} is removed`);
  expect(await shell.fail(2, "webhooks", "remove", url)).toContain("has no webhook");
});

test("what may be typed is known: commands, options, and what there is in the service", async () => {
  const { shell, office } = await withOneJob(idle(), "build it");
  expect(await shell.run("complete", "--", "logs", "bu")).toEqual(["build it\tready: build it"]);
  expect(await shell.run("complete", "--", "jobs", `--office=${office}`)).toEqual([`--office=${office}\tactive`]);
  expect(await shell.run("complete", "--", "run", "")).toEqual([":files"]);
  const nowhere = new Shell(shell.service, { OFFICE_URL: "http://127.0.0.1:1" });
  expect(await nowhere.run("complete", "--", "logs", "bu")).toEqual([]);
});

test("an API that does not answer ends with 1, and with what to do", async () => {
  const shell = new Shell(idle(), { OFFICE_URL: "http://127.0.0.1:1" });
  for (const args of [["jobs"], ["events", "-f"], ["logs", "a", "-f"], ["keys"]]) {
    expect(await shell.fail(1, ...args)).toMatch(
      /^office: nothing answers at http:\/\/127\.0\.0\.1:1 \([^\n]*\): start it with `[^\n]*office up`, or set OFFICE_URL to where it runs\n$/,
    );
  }
});

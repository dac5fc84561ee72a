import { describe, expect, test } from "vitest";
import { refusedNames, sessionEnvironment } from "../../../src/services/session/environment.ts";
import { sessionRequest } from "./factories.ts";

const installation = "/opt/office/packages/office-server/src/services/session";

const setup = (operator: Record<string, string | undefined>, request = sessionRequest()) =>
  sessionEnvironment(request, operator, installation);

describe("what a session gets of the operator's environment", () => {
  test.each(["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_TIME", "TERM", "TMPDIR", "TZ"])(
    "%s, when it is set",
    (name) => {
      expect(setup({ [name]: "value" })[name]).toBe("value");
      expect(setup({ [name]: undefined })).not.toHaveProperty(name);
    },
  );

  test.each([
    "DATABASE_URL",
    "OFFICE_TOKEN",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SLACK_WEBHOOK_URL",
    "PGPASSWORD",
    "PGPASSFILE",
  ])("never %s, not even when SESSION_ENV lists it", (name) => {
    const operator = { [name]: "secret", SESSION_ENV: `ANTHROPIC_API_KEY, ${name}` };
    expect(setup(operator)).not.toHaveProperty(name);
    expect(refusedNames(operator)).toEqual([name]);
  });

  test("nothing that is not listed", () => {
    expect(setup({ AWS_SECRET_ACCESS_KEY: "secret", npm_config_cache: "x" })).not.toHaveProperty(
      "AWS_SECRET_ACCESS_KEY",
    );
  });

  test("what SESSION_ENV lists, however it is spaced", () => {
    const environment = setup({
      SESSION_ENV: " ANTHROPIC_API_KEY ,,HTTPS_PROXY",
      ANTHROPIC_API_KEY: "k",
      HTTPS_PROXY: "p",
    });
    expect(environment).toMatchObject({ ANTHROPIC_API_KEY: "k", HTTPS_PROXY: "p" });
    expect(environment).not.toHaveProperty("SESSION_ENV");
  });
});

test("the job's environment is laid over the operator's, the session's identity over both", () => {
  const request = sessionRequest(
    { env: { LANG: "de_DE", CI: "1", EXECUTION_ID: "forged", FENCING_TOKEN: "forged" } },
    { taskId: null, jobKey: null },
  );
  const { officeId, jobId, executionId } = request;
  expect(setup({ LANG: "C", OFFICE_ID: "of the worker" }, request)).toEqual({
    LANG: "de_DE",
    CI: "1",
    OFFICE_ID: officeId,
    TASK_ID: "",
    JOB_ID: jobId,
    JOB_KEY: "",
    EXECUTION_ID: executionId,
    ATTEMPT: "1",
    ROLE: "BE",
    FENCING_TOKEN: "7",
  });
});

test("what `npm run` puts into PATH for the office itself is taken out again", () => {
  const own = [
    "/opt/office/node_modules/.bin",
    "/opt/office/packages/office-server/node_modules/.bin",
    "/opt/node_modules/.bin",
  ];
  const npm = "/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin";
  const kept = ["/home/me/website/node_modules/.bin", "/opt/off/node_modules/.bin", "/usr/bin", "/bin"];
  expect(setup({ PATH: [...own, npm, ...kept].join(":") })["PATH"]).toBe(kept.join(":"));
});

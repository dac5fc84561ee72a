import { isDeepStrictEqual } from "node:util";
import { resolve } from "node:path";
import type { RequestOf } from "office-contract/api/client.ts";
import type { PlanRole } from "office-contract/plan.ts";
import type { Plan, PlanJob } from "office-server/domain/plan.ts";

type Body = RequestOf<"submitJobs">["body"];
type NewJob = Body["jobs"][number];
type NewRole = NonNullable<Body["roles"]>[string];

/**
 * A plan as the API takes it: its roles, and of each job what is its own. The plan's folders are below `directory`, an
 * absolute path; the request's are absolute.
 */
export const planRequest = ({ title, roles, jobs }: Plan, directory: string): Body => ({
  ...(title !== null && { task: title }),
  ...(roles.size > 0 && {
    roles: Object.fromEntries([...roles].map(([name, role]) => [name, newRole(role, directory)])),
  }),
  jobs: jobs.map((job) => newJob(job, roles.get(job.role), directory)),
});

const newRole = (role: PlanRole, directory: string): NewRole => ({
  ...withoutUndefined(role),
  cwd: resolve(directory, role.cwd ?? "."),
});

function newJob(job: PlanJob, role: PlanRole | undefined, directory: string): NewJob {
  const { key, title, prompt, session, dependsOn, priority, timeoutMs, maxRetries } = job;
  const env = Object.entries(session.env).filter(([name, value]) => role?.env?.[name] !== value);
  const roleFolder = role === undefined ? null : resolve(directory, role.cwd ?? ".");
  return {
    key,
    role: job.role,
    ...(title !== key && { title }),
    ...(prompt !== null && { prompt }),
    ...wayToRun(job, role),
    ...(session.cwd !== roleFolder && { cwd: session.cwd }),
    ...(env.length > 0 && { env: Object.fromEntries(env) }),
    ...(dependsOn.length > 0 && { depends_on: dependsOn }),
    ...(priority !== 0 && { priority }),
    ...(timeoutMs !== null && timeoutMs !== role?.timeout && { timeout: timeoutMs }),
    ...(maxRetries !== null && { retries: maxRetries }),
  };
}

/** Nothing where the role's program is run, with the role's input: that is said once, by the role. */
function wayToRun({ session }: PlanJob, role: PlanRole | undefined): Partial<NewJob> {
  const { run, command, stdin, runtime, lease_ms: lease } = session;
  if (run !== undefined) return { run };
  if (command !== undefined) {
    const isOfRole = isDeepStrictEqual(command, role?.command) && stdin === role?.stdin;
    return isOfRole ? {} : { command };
  }
  if (runtime === undefined || (role?.runtime !== undefined && lease === role.lease)) return {};
  return { runtime, ...(lease !== undefined && { lease }) };
}

const withoutUndefined = (role: PlanRole): NewRole =>
  Object.fromEntries(Object.entries(role).filter(([, value]) => value !== undefined));

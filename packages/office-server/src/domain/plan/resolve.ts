import type { JobSchedulerConfigPatch } from "office-contract/config.ts";
import { PLAN_BYTES_MAX } from "office-contract/limits.ts";
import type { PlanDocument, PlanRole } from "office-contract/plan.ts";
import type { SessionSpec } from "office-contract/session.ts";
import { DEFAULT_ROLE } from "office-contract/vocabulary.ts";
import { type JobDocument, sessionOf } from "../wayToRun.ts";
import type { ValueProblem } from "./errors.ts";

/** A plan that is ready to be submitted. */
export interface Plan {
  office: string | null;
  title: string | null;
  /** Times in ms. */
  limits: JobSchedulerConfigPatch;
  roles: ReadonlyMap<string, PlanRole>;
  /** In the order of the file. */
  jobs: PlanJob[];
}

export interface PlanJob {
  key: string;
  role: string;
  title: string;
  prompt: string | null;
  session: SessionSpec;
  dependsOn: string[];
  priority: number;
  /** Null where the office's configuration decides. */
  timeoutMs: number | null;
  /** Null where the office's configuration decides. */
  maxRetries: number | null;
}

/** Characters of all sessions and prompts of a plan. What a role carries counts for each of its jobs. */
const SESSIONS_LENGTH_MAX = 2 * PLAN_BYTES_MAX;

/** A plan whose jobs carry too much text is refused: each job is stored with a copy of what its role carries. */
export const checkSessionsLength = ({ jobs }: Plan): ValueProblem[] => {
  const excess = sessionsExcess(jobs);
  return excess === null ? [] : [{ path: ["jobs"], message: `the jobs ${excess}` }];
};

/** What is wrong with jobs that carry too much text, or null. */
export const sessionsExcess = (jobs: readonly TextCarrier[]): string | null => {
  const length = jobs.reduce((sum, job) => sum + textLength(job), 0);
  if (length <= SESSIONS_LENGTH_MAX) return null;
  return `carry ${length} characters of commands, input, environment and prompts, at most ${SESSIONS_LENGTH_MAX} may be: keep long text in files`;
};

interface TextCarrier {
  prompt: string | null;
  session: Partial<SessionSpec> | null;
}

const textLength = ({ prompt, session }: TextCarrier): number => {
  const { run, command = [], stdin, env = {} } = session ?? {};
  return [prompt, run, stdin, ...command, ...Object.keys(env), ...Object.values(env)].reduce(
    (sum, text) => sum + (text?.length ?? 0),
    0,
  );
};

/** The plan that a document without problems describes. Relative folders are below `directory`, an absolute path. */
export const resolvePlan = (document: PlanDocument, directory: string): Plan => {
  const roles = new Map(Object.entries(document.roles ?? {}));
  return {
    office: document.office ?? null,
    title: document.title ?? null,
    limits: document.limits ?? {},
    roles,
    jobs: document.jobs.map((job) => resolveJob(job, roles.get(job.role ?? DEFAULT_ROLE) ?? {}, directory)),
  };
};

const resolveJob = (job: JobDocument, role: PlanRole, directory: string): PlanJob => ({
  ...describeJob(job, role),
  session: sessionOf(job, role, directory),
});

/** What a job and its role say, besides how it is run. */
export const describeJob = (job: JobDocument, role: PlanRole): Omit<PlanJob, "session"> => ({
  key: job.key,
  role: job.role ?? DEFAULT_ROLE,
  title: job.title ?? job.key,
  prompt: job.prompt ?? null,
  dependsOn: job.depends_on ?? [],
  priority: job.priority ?? 0,
  timeoutMs: job.timeout ?? role.timeout ?? null,
  maxRetries: job.retries ?? null,
});

import { resolve } from "node:path";
import type { submitJobsSchema } from "office-contract/api/jobs.ts";
import type { FieldError } from "office-contract/api/problems.ts";
import { EDGES_MAX } from "office-contract/limits.ts";
import type { PlanRole } from "office-contract/plan.ts";
import type { SessionSpec } from "office-contract/session.ts";
import { DEFAULT_ROLE } from "office-contract/vocabulary.ts";
import type { z } from "zod";
import { type GraphNode, type GraphProblem, validateGraph } from "./graph.ts";
import { graphMessage, placeOf } from "./graphProblems.ts";
import { quoted } from "./plan/naming.ts";
import { describeJob, type PlanJob, sessionsExcess } from "./plan/resolve.ts";
import { Refusal } from "./refusal.ts";
import { sessionOf, WAYS_TO_RUN, wayToRun } from "./wayToRun.ts";

/** A request to submit jobs. */
export type SubmitRequest = z.output<typeof submitJobsSchema>;
type RequestedJob = SubmitRequest["jobs"][number];

/** A job of a request, ready to be stored. Its `dependsOn` holds keys of the request, or ids of jobs that exist. */
export interface SubmittedJob extends Omit<PlanJob, "session"> {
  /** What of it the job itself says, where the office is to say how its role is run. */
  session: Partial<SessionSpec> | null;
  agentId: string | null;
  worktreeId: string | null;
  branchName: string | null;
  metadata: Record<string, unknown> | null;
}

/** What a request may lean on. */
export interface SubmissionOffice {
  id: string;
  isPaused: boolean;
  /** The roles that the office knows how to run. */
  roles: ReadonlySet<string>;
  /** What folders are relative to; absolute. */
  directory: string;
}

export interface ResolvedSubmission {
  title: string | null;
  jobs: SubmittedJob[];
  /** What is accepted, and will not work as it is now. */
  warnings: string[];
}

const ERRORS_MAX = 20;
const WARNINGS_MAX = 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The jobs of a request by name and dependencies. Whatever is no key of it and can be an id is one, in lower case. */
export const graphOf = ({ jobs }: SubmitRequest): GraphNode[] => {
  const keys = new Set(jobs.map(({ key }) => key));
  const nameOf = (name: string): string => (!keys.has(name) && UUID.test(name) ? name.toLowerCase() : name);
  return jobs.map(({ key, depends_on: dependsOn = [] }) => ({ key, dependsOn: dependsOn.map(nameOf) }));
};

/** The ids of jobs from before that a graph names. */
export const idsNamedIn = (graph: readonly GraphNode[]): string[] => {
  const keys = new Set(graph.map(({ key }) => key));
  const names = graph.flatMap(({ dependsOn }) => dependsOn.filter((name) => !keys.has(name) && UUID.test(name)));
  return [...new Set(names)];
};

/**
 * Checks how the jobs of a request are to be run.
 *
 * @throws Refusal that names each field that is wrong
 */
export function checkWaysToRun({ jobs }: SubmitRequest, { allowRun }: { allowRun: boolean }): void {
  const edges = jobs.reduce((sum, { depends_on: dependsOn }) => sum + (dependsOn?.length ?? 0), 0);
  if (edges > EDGES_MAX) {
    const message = `have ${edges} dependencies; a request may have ${EDGES_MAX}: split it`;
    throw refusal("invalid_request", [{ field: "body.jobs", message }]);
  }
  const ambiguous = jobs.flatMap((job, index) => {
    const ways = WAYS_TO_RUN.filter((way) => job[way] !== undefined);
    if (ways.length <= 1) return [];
    const message = `must not be there beside ${ways.slice(1).join(" and ")}: keep one of them`;
    return [{ field: `body.jobs[${index}].${ways[0]}`, message }];
  });
  if (ambiguous.length > 0) throw refusal("invalid_request", ambiguous);
  if (allowRun) return;
  const shells = jobs.flatMap(({ run }, index) => (run === undefined ? [] : [`body.jobs[${index}].run`]));
  if (shells.length === 0) return;
  const message = "is a shell line, which this API takes only where its operator sets ALLOW_RUN=1; use command";
  throw refusal(
    "shell_not_allowed",
    shells.map((field) => ({ field, message })),
  );
}

/**
 * Checks that the jobs of a request can be run in some order. `known`: ids of jobs that the office has.
 *
 * @throws Refusal that names each dependency that is wrong, and a cycle in order
 */
export function checkGraph(graph: readonly GraphNode[], known: Iterable<string>): void {
  const before = Array.from(known, (id) => ({ key: id, dependsOn: [] }));
  const problems = validateGraph([...graph, ...before]);
  if (problems.length === 0) return;
  const keys = graph.map(({ key }) => key);
  const errors = problems.slice(0, ERRORS_MAX).map((problem) => ({
    field: fieldName(placeOf(problem, graph)),
    message: graphMessage(problem, {
      known: keys,
      jobAt: (index) => `body.jobs[${index}]`,
      unknown: "no job of the request has this key, and none of the office this id",
    }),
  }));
  const cycle = problems.find(
    (problem): problem is Extract<GraphProblem, { kind: "cycle" }> => problem.kind === "cycle",
  );
  throw refusal("invalid_graph", errors, { more: problems.length - errors.length, cycle: cycle?.cycle });
}

/**
 * What a request says of each job, by itself, its role in the request, or the office.
 *
 * @throws Refusal where that is too much text
 */
export function resolveSubmission({ task, roles, jobs }: SubmitRequest, office: SubmissionOffice): ResolvedSubmission {
  const roleNamed = new Map(Object.entries(roles ?? {}));
  const resolved = jobs.map((job) => resolveJob(job, roleNamed.get(job.role ?? DEFAULT_ROLE) ?? {}, office));
  const excess = sessionsExcess(resolved);
  if (excess !== null) throw refusal("invalid_request", [{ field: "body.jobs", message: excess }]);
  const title = typeof task === "string" ? task : (task?.title ?? null);
  return { title, jobs: resolved, warnings: warningsOf(resolved, office) };
}

const resolveJob = (job: RequestedJob, role: PlanRole, { directory }: SubmissionOffice): SubmittedJob => ({
  ...describeJob(job, role),
  session: saysHow(wayToRun(job, role)) ? sessionOf(job, role, directory) : partOfSession(job, role, directory),
  agentId: job.agent_id ?? null,
  worktreeId: job.worktree_id ?? null,
  branchName: job.branch_name ?? null,
  metadata: job.metadata ?? null,
});

const saysHow = (session: Partial<SessionSpec> | null): boolean =>
  session !== null && WAYS_TO_RUN.some((way) => session[way] !== undefined);

/** What is laid over the office's word for the role: only what is said. */
function partOfSession(job: RequestedJob, role: PlanRole, directory: string): Partial<SessionSpec> | null {
  const cwd = job.cwd ?? role.cwd;
  const lease = job.lease ?? role.lease;
  const part: Partial<SessionSpec> = {
    ...(role.stdin !== undefined && { stdin: role.stdin }),
    ...(lease !== undefined && { lease_ms: lease }),
    ...(cwd !== undefined && { cwd: resolve(directory, cwd) }),
    ...((role.env !== undefined || job.env !== undefined) && { env: { ...role.env, ...job.env } }),
  };
  return Object.keys(part).length === 0 ? null : part;
}

function warningsOf(jobs: readonly SubmittedJob[], { id, isPaused, roles }: SubmissionOffice): string[] {
  const lost = jobs.filter(({ session, role }) => !saysHow(session) && !roles.has(role));
  const warnings = lost
    .slice(0, WARNINGS_MAX)
    .map(
      ({ key, role }) =>
        `job ${quoted(key)} has nothing to run: neither the request nor the office says how role ${quoted(role)} is run; ` +
        `give the office a command for it (PATCH /api/offices/${id}, roles) before the job's turn, or cancel the job`,
    );
  const more = lost.length - warnings.length;
  if (more > 0) warnings[WARNINGS_MAX - 1] = `${more + 1} more jobs have nothing to run, for the same reason`;
  if (isPaused) {
    warnings.unshift(
      `the office is paused: nothing starts until it is resumed (PATCH /api/offices/${id}, status "active")`,
    );
  }
  return warnings;
}

const fieldName = (path: readonly (string | number)[]): string =>
  path.reduce<string>((name, step) => (typeof step === "number" ? `${name}[${step}]` : `${name}.${step}`), "body");

function refusal(
  code: "invalid_request" | "invalid_graph" | "shell_not_allowed",
  errors: readonly FieldError[],
  { more = 0, cycle }: { more?: number; cycle?: readonly string[] | undefined } = {},
): Refusal {
  const [first] = errors;
  const others = errors.length - 1 + more;
  const detail = `${first?.field} ${first?.message}${others > 0 ? ` (and ${others} more)` : ""}`;
  return new Refusal(code, detail, { errors: errors.slice(0, ERRORS_MAX), ...(cycle !== undefined && { cycle }) });
}

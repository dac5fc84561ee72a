import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Job, Submitted } from "office-contract/api/jobs.ts";
import type { Database, Queryable } from "../../db/connection.ts";
import { firstAnswer, jobsAmong, jobsInOrder, keepAnswer, submissionOffice } from "../../db/queries/submission.ts";
import { storableJson } from "../../db/storableJson.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { type NewJob, submitTask } from "../../db/transitions/submitTask.ts";
import { executionOrder, type GraphNode } from "../../domain/graph.ts";
import { Refusal } from "../../domain/refusal.ts";
import {
  checkGraph,
  checkWaysToRun,
  graphOf,
  idsNamedIn,
  type ResolvedSubmission,
  resolveSubmission,
  type SubmitRequest,
} from "../../domain/submission.ts";
import { newJobId } from "../../platform/ids.ts";
import { asNewJob } from "../newJob.ts";

export interface SubmissionOptions {
  /** Whether jobs may be shell lines. */
  allowRun: boolean;
  /** What the folders of an office without one of its own are relative to; absolute. */
  workingFolder: string;
  /** Under which a repeat of the request gets the first answer. */
  idempotencyKey: string | null;
}

/** What a request is answered with: by itself, or as before, as JSON. */
export type SubmissionAnswer = { isRepeat: false; answer: Submitted } | { isRepeat: true; text: string };

/**
 * Stores jobs as one task, all or nothing.
 *
 * @throws Refusal where the request, or its graph, cannot be carried out; nothing is stored then
 */
export async function submitJobs(
  database: Database,
  officeId: string,
  request: SubmitRequest,
  { allowRun, workingFolder, idempotencyKey }: SubmissionOptions,
): Promise<SubmissionAnswer> {
  const repeated = idempotencyKey === null ? null : new RepeatedRequest(officeId, idempotencyKey, request);
  const before = (await repeated?.find(database)) ?? null;
  if (before !== null) return before;

  checkWaysToRun(request, { allowRun });
  const graph = graphOf(request);
  const named = idsNamedIn(graph);
  const [office, known] = await Promise.all([
    submissionOffice(database, officeId),
    named.length === 0 ? [] : jobsAmong(database, officeId, named),
  ]);
  if (office === null) throw new Refusal("not_found", `there is no office ${officeId}`);
  checkGraph(graph, known);
  const directory = resolve(workingFolder, office.repo_path ?? ".");
  const isPaused = office.status === "paused";
  const resolved = resolveSubmission(request, { id: officeId, isPaused, roles: new Set(office.roles), directory });
  const task = new NewTaskOfJobs(officeId, graph, resolved);

  if (repeated === null && named.length === 0) return { isRepeat: false, answer: await task.store(database) };
  return database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    const meanwhile = (await repeated?.find(transaction)) ?? null;
    if (meanwhile !== null) return meanwhile;
    // A job that was there may have been deleted.
    if (named.length > 0) checkGraph(graph, await jobsAmong(transaction, officeId, named));
    const answer = await task.store(transaction, { dependsOnOthers: named.length > 0 });
    await repeated?.keep(transaction, answer);
    return { isRepeat: false, answer };
  });
}

/** A request that may come again, and is told from others by its Idempotency-Key. */
class RepeatedRequest {
  readonly #officeId: string;
  readonly #key: string;
  readonly #hash: Buffer;

  constructor(officeId: string, key: string, request: SubmitRequest) {
    this.#officeId = officeId;
    this.#key = key;
    this.#hash = createHash("sha256").update(JSON.stringify(request)).digest();
  }

  /**
   * The first answer, where there is one.
   *
   * @throws Refusal where the key was used for another request
   */
  async find(database: Queryable): Promise<SubmissionAnswer | null> {
    const first = await firstAnswer(database, this.#officeId, this.#key);
    if (first === null) return null;
    if (first.request_hash.equals(this.#hash)) return { isRepeat: true, text: first.answer };
    throw new Refusal(
      "idempotency_key_reused",
      "the header Idempotency-Key was sent before, with another body; use a new key for a new request",
    );
  }

  keep(transaction: Queryable, answer: Submitted): Promise<void> {
    const text = JSON.stringify(answer);
    return keepAnswer(transaction, {
      officeId: this.#officeId,
      key: this.#key,
      requestHash: this.#hash,
      answer: text,
    });
  }
}

/** A checked request as rows, and the answer to it. */
class NewTaskOfJobs {
  readonly #id = newJobId();
  readonly #officeId: string;
  readonly #title: string | null;
  readonly #jobs: readonly NewJob[];
  readonly #order: string[][];
  readonly #warnings: string[];

  constructor(officeId: string, graph: readonly GraphNode[], { title, jobs, warnings }: ResolvedSubmission) {
    const ids = new Map(graph.map(({ key }) => [key, newJobId()]));
    // A name that is no key was found to be the id of another job.
    const idOf = (name: string): string => ids.get(name) ?? name;
    this.#officeId = officeId;
    this.#title = title;
    this.#jobs = jobs.map((job, index) => ({
      ...asNewJob(job, idOf(job.key), graph[index]?.dependsOn.map(idOf) ?? []),
      agent_id: job.agentId,
      worktree_id: job.worktreeId,
      branch_name: job.branchName,
      metadata: asStoredJson(job.metadata),
    }));
    const order = executionOrder(graph);
    this.#order = order.ok ? order.groups.map((group) => group.map(idOf)) : [];
    this.#warnings = warnings;
  }

  /** `dependsOnOthers`: jobs of it depend on jobs from before, whose state decides where they begin. */
  async store(database: Queryable, { dependsOnOthers = false } = {}): Promise<Submitted> {
    const createdAt = await submitTask(database, {
      id: this.#id,
      officeId: this.#officeId,
      title: this.#title,
      planPath: null,
      jobs: this.#jobs,
    });
    if (createdAt === null) throw new Refusal("office_is_archived", "the office is archived, and takes no jobs");
    const jobs = dependsOnOthers
      ? await jobsInOrder(
          database,
          this.#jobs.map(({ id }) => id),
        )
      : this.#jobs.map((job) => this.#asStored(job, createdAt));
    return { task_id: this.#id, jobs, execution_order: this.#order, warnings: this.#warnings };
  }

  /** A job as it is right after it was stored: a read of so many rows is saved. */
  #asStored(job: NewJob, createdAt: string): Job {
    const { session, description, agent_id: agent = null, worktree_id: worktree = null, ...rest } = job;
    const isReady = rest.depends_on.length === 0;
    return {
      id: rest.id,
      office_id: this.#officeId,
      task_id: this.#id,
      key: rest.key,
      role: rest.role,
      agent_id: agent,
      worktree_id: worktree,
      title: rest.title,
      prompt: description,
      status: isReady ? "ready" : "pending",
      runtime: runtimeOf(session),
      depends_on: [...rest.depends_on],
      unmet_count: rest.depends_on.length,
      priority: rest.priority,
      attempt: 0,
      retry_count: 0,
      max_retries: rest.max_retries,
      timeout_ms: rest.timeout_ms,
      run_at: null,
      created_at: createdAt,
      ready_at: isReady ? createdAt : null,
      started_at: null,
      completed_at: null,
      cancelled_at: null,
      error_class: null,
      error_message: null,
      caused_by: null,
      result: null,
      pr_number: null,
      branch_name: rest.branch_name ?? null,
      metadata: rest.metadata ?? null,
    };
  }
}

/** What PostgreSQL makes of it. */
const asStoredJson = <Value>(value: Value): Value =>
  value === null ? value : (JSON.parse(storableJson(value)) as Value);

const runtimeOf = (session: NewJob["session"]): Job["runtime"] => {
  if (session?.runtime !== undefined) return "external";
  return session?.command !== undefined || session?.run !== undefined ? "command" : null;
};

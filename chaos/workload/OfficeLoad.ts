import type { ApiClient } from "office-contract/api/client.ts";
import { newId } from "office-server/platform/ids.ts";
import { pause } from "office-server/platform/timers.ts";
import type { HistoryWriter } from "../history/HistoryWriter.ts";
import type { OfficeRecord } from "../history/records.ts";
import type { Random } from "../random.ts";
import { Client } from "./Client.ts";
import type { ElsewhereAgents } from "./ElsewhereAgents.ts";
import { Follower } from "./Follower.ts";
import { ELSEWHERE, randomPlan, ROLES } from "./plans.ts";

/** So many jobs wait at least, so that there is always something to decide. */
const OPEN_JOBS_MIN = 30;
const AGAIN_MS = 300;
const OPERATOR_MS = [100, 1_200] as const;

export interface OfficeLoadOptions {
  api: ApiClient;
  history: HistoryWriter;
  random: Random;
  agents: ElsewhereAgents;
  folders: { records: string; work: string };
}

/** What happens in one office: somebody hands in plans, and somebody else cannot leave them alone. */
export class OfficeLoad {
  readonly follower = new Follower();
  record!: OfficeRecord;
  #submitted = 0;
  readonly #options: OfficeLoadOptions;
  readonly #client: Client;
  #stopping = false;
  #working: Promise<unknown> = Promise.resolve();

  constructor(options: OfficeLoadOptions) {
    this.#options = options;
    this.#client = new Client(options.api, options.history);
  }

  async start(): Promise<void> {
    const { api, random, agents, folders } = this.#options;
    const office = await api.call("createOffice", { body: { name: `office ${newId()}`, repo_path: folders.work } });
    const settings = {
      maxConcurrentJobs: random.between(4, 10),
      maxConcurrentByRole: { QA: 1 },
      maxRetries: 2,
      retryBaseDelay: 100,
      retryMaxDelay: 1_000,
    };
    await api.call("patchConfig", { params: { officeId: office.id }, body: settings });
    this.record = { id: office.id, ...settings };
    this.follower.onEvent = (event) => {
      if (event.type === "job_started" && event.role === ELSEWHERE) agents.run(event);
    };
    await this.follower.start(api, office.id);
    this.#working = Promise.all([this.#submit(random.branch()), this.#operate(random.branch())]);
  }

  /** Hands in no more, and leaves the office open. Resolves when everything there has come to an end. */
  async finish(): Promise<void> {
    this.#stopping = true;
    this.follower.look();
    await this.#working;
    const params = { officeId: this.record.id };
    await this.#insist(() => this.#client.call("patchOffice", this.record.id, { params, body: { status: "active" } }));
    await this.follower.when(() => this.#submitted === this.follower.ended.size);
  }

  async #submit(random: Random): Promise<void> {
    const { folders } = this.#options;
    const params = { officeId: this.record.id };
    while (!this.#stopping) {
      const jobs = randomPlan(random, folders);
      const headers = { "idempotency-key": newId() };
      const call = await this.#insist(() =>
        this.#client.call("submitJobs", this.record.id, { params, headers, body: { jobs } }),
      );
      if (call.outcome !== "ok") throw new Error(`a plan was refused: ${JSON.stringify(call.answer)}`);
      this.#submitted += jobs.length;
      // By what was handed in, and not by what the log has told of it so far: it may be late.
      const isHungry = (): boolean => this.#submitted - this.follower.ended.size < OPEN_JOBS_MIN;
      await this.follower.when(() => isHungry() || this.#stopping);
    }
  }

  /** Again until there is an answer. */
  async #insist<T extends { outcome: string }>(make: () => Promise<T>): Promise<T> {
    for (;;) {
      const call = await make();
      if (call.outcome !== "unknown") return call;
      await pause(AGAIN_MS);
    }
  }

  async #operate(random: Random): Promise<void> {
    while (!this.#stopping) {
      await pause(random.between(...OPERATOR_MS));
      await this.#meddle(random);
    }
  }

  async #meddle(random: Random): Promise<void> {
    const officeId = this.record.id;
    const open = [...this.follower.open.keys()];
    const ended = [...this.follower.ended].filter(([, { type }]) => type !== "job_completed").map(([id]) => id);
    const jobId = open.length === 0 ? null : random.pick(open);
    const params = { officeId, jobId: jobId ?? "" };
    const luck = random.fraction();
    if (luck < 0.25) {
      await this.#client.call("patchConfig", officeId, {
        params: { officeId },
        body: { maxConcurrentJobs: random.between(2, 10) },
      });
    } else if (luck < 0.35 && ended.length > 0) {
      await this.#client.call("retryJob", officeId, { params: { officeId, jobId: random.pick(ended) } });
    } else if (luck < 0.4) {
      await this.#client.call("patchOffice", officeId, { params: { officeId }, body: { status: "paused" } });
      await pause(random.between(0, 500));
      await this.#insist(() =>
        this.#client.call("patchOffice", officeId, { params: { officeId }, body: { status: "active" } }),
      );
    } else if (luck < 0.42) {
      await this.#client.call("cancelAll", officeId, { params: { officeId }, body: { role: random.pick(ROLES) } });
    } else if (jobId === null) return;
    else if (luck < 0.65) {
      await this.#client.call("setPriority", officeId, { params, body: { priority: random.between(-1_000, 1_000) } });
    } else if (luck < 0.85) await this.#client.call("cancelJob", officeId, { params });
    else if (luck < 0.93) {
      await this.#client.call("setTimeout", officeId, { params, body: { timeout_ms: random.between(30_000, 90_000) } });
    } else {
      const role = this.follower.open.get(params.jobId)?.role;
      if (role === ELSEWHERE) return;
      await this.#client.call("setAssignee", officeId, { params, body: { role: random.pick(ROLES), requeue: true } });
    }
  }
}

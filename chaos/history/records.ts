import type { JobEvent } from "office-contract/events.ts";

/** All times without another name are in ms on the clock of the machine's boot, the same for all of its processes. */
export type BootMs = number;

/** What a session says of itself. It has certainly lived from `startMs` to `aliveMs`; how much longer, it may not know. */
export interface SessionRecord {
  executionId: string;
  jobId: string;
  officeId: string;
  role: string;
  token: bigint;
  attempt: number;
  /** Run elsewhere, and reported through the API. */
  external: boolean;
  startMs: BootMs;
  /** The last sign of it, or of a child of it. */
  aliveMs: BootMs;
  /** When it was first asked to end; null: it was not, or could not hear it. */
  termMs: BootMs | null;
  /** Whether it came to its own end, and has written that down. */
  exited: boolean;
}

/** A request to the API, and what the client knows of its answer. */
export interface Call {
  kind: "call";
  client: string;
  name: string;
  officeId: string;
  invokedMs: BootMs;
  /** Null: no answer came. It may have taken effect at any time since, or never. */
  answeredMs: BootMs | null;
  outcome: "ok" | "refused" | "unknown";
  request: Record<string, unknown>;
  answer: unknown;
}

/** Something that was broken on purpose. */
export interface Fault {
  kind: "fault";
  name: string;
  target: string;
  fromMs: BootMs;
  toMs: BootMs;
}

/** The database's clock was `databaseMs` at some moment between these two. */
export interface ClockSample {
  kind: "clock";
  beforeMs: BootMs;
  databaseMs: number;
  afterMs: BootMs;
}

export type HistoryRecord = Call | Fault | ClockSample;

/** An office as it was created. Its limits may have been changed since: see the calls. */
export interface OfficeRecord {
  id: string;
  maxConcurrentJobs: number;
  maxConcurrentByRole: Readonly<Record<string, number>>;
  maxRetries: number;
  retryBaseDelay: number;
  retryMaxDelay: number;
}

/** All that is known of a run, from everybody but the scheduler, besides its event log. */
export interface History {
  offices: readonly OfficeRecord[];
  sessions: readonly SessionRecord[];
  calls: readonly Call[];
  faults: readonly Fault[];
  clock: readonly ClockSample[];
  /** By office, the whole log. */
  events: ReadonlyMap<string, readonly JobEvent[]>;
  /** By office, what somebody saw who followed it through all faults. */
  followed: ReadonlyMap<string, readonly JobEvent[]>;
  /** What was promised, in ms. */
  promises: { termGraceMs: number; leaseMs: number };
}

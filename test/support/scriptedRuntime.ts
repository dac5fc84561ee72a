import type { SessionOutcome, StopCause } from "office-server/domain/outcome.ts";
import type { SessionEnd, SessionRequest, SessionRuntime } from "office-server/services/session/runtime.ts";

/** A session that runs until the test, or the behaviour given to its runtime, says how it ends. */
export interface ScriptedSession {
  request: SessionRequest;
  /** Why it was asked to stop, each time it was. */
  stops: StopCause[];
  /** Its end. What comes after the first is ignored, as there is no second. */
  end(outcome: SessionOutcome): void;
}

export interface Behaviour {
  /** Called at each start. Without it, sessions run until the test ends them. */
  onStart?: (session: ScriptedSession) => void;
  /** Called when a session is asked to stop. By default it stops, for the cause given. */
  onStop?: (session: ScriptedSession, cause: StopCause) => void;
}

const obey = (session: ScriptedSession, cause: StopCause): void => session.end({ kind: "stopped", cause });

/** Sessions that do what the test says. A job is known by its key, or by its id where it has none. */
export class ScriptedRuntime implements SessionRuntime {
  readonly #behaviour: Behaviour;
  readonly #sessions = new Map<string, ScriptedSession>();
  readonly #waiting: { key: string; attempt: number; resolve: (session: ScriptedSession) => void }[] = [];
  readonly #live = new Set<string>();
  /** `key#attempt` of each start, in order. */
  readonly starts: string[] = [];
  /** How to end each session that was taken over, by execution. */
  readonly adopted = new Map<string, (outcome: SessionOutcome) => void>();
  /** Deadlines as they were last moved, by execution. */
  readonly timeouts = new Map<string, number>();

  constructor(behaviour: Behaviour = {}) {
    this.#behaviour = behaviour;
  }

  get running(): number {
    return this.#live.size;
  }

  start(request: SessionRequest, onEnd: (end: SessionEnd) => void): void {
    const { executionId } = request;
    const session: ScriptedSession = {
      request,
      stops: [],
      end: (outcome) => {
        if (this.#live.delete(executionId)) onEnd({ executionId, outcome, directory: null });
      },
    };
    const name = nameOf(request.jobKey ?? request.jobId, request.attempt);
    this.#live.add(executionId);
    this.#sessions.set(name, session);
    this.starts.push(name);
    for (const { key, attempt, resolve } of this.#waiting) if (nameOf(key, attempt) === name) resolve(session);
    this.#behaviour.onStart?.(session);
  }

  adopt(executionId: string, _timeoutMs: number, onEnd: (end: SessionEnd) => void): void {
    this.#live.add(executionId);
    this.adopted.set(executionId, (outcome) => {
      if (this.#live.delete(executionId)) onEnd({ executionId, outcome, directory: null });
    });
  }

  wasStarted(executionId: string): boolean {
    return this.adopted.has(executionId) || this.#find(executionId) !== undefined;
  }

  stop(executionId: string, cause: StopCause): void {
    const session = this.#find(executionId);
    if (session === undefined || !this.#live.has(executionId)) return;
    session.stops.push(cause);
    (this.#behaviour.onStop ?? obey)(session, cause);
  }

  setTimeout(executionId: string, timeoutMs: number): void {
    this.timeouts.set(executionId, timeoutMs);
  }

  /** The keys of the sessions that run, sorted. */
  get runningKeys(): string[] {
    const live = [...this.#sessions.values()].filter(({ request }) => this.#live.has(request.executionId));
    return live.map(({ request }) => request.jobKey ?? request.jobId).toSorted();
  }

  /** Resolves when a job's session has started. */
  started(key: string, attempt = 1): Promise<ScriptedSession> {
    const session = this.#sessions.get(nameOf(key, attempt));
    if (session !== undefined) return Promise.resolve(session);
    return new Promise((resolve) => {
      this.#waiting.push({ key, attempt, resolve });
    });
  }

  /** Ends a job's session well, as soon as it has started. */
  async finish(key: string, attempt = 1): Promise<void> {
    (await this.started(key, attempt)).end({ kind: "finished" });
  }

  /** Ends a job's session with an exit code of 1, as soon as it has started. */
  async fail(key: string, attempt = 1): Promise<void> {
    (await this.started(key, attempt)).end(exitCode(1));
  }

  #find(executionId: string): ScriptedSession | undefined {
    return [...this.#sessions.values()].find(({ request }) => request.executionId === executionId);
  }
}

const nameOf = (key: string, attempt: number): string => `${key}#${attempt}`;

export const exitCode = (code: number): SessionOutcome => ({
  kind: "failed",
  errorClass: "EXIT_CODE",
  message: `exit code ${code}`,
  exitCode: code,
});

/** Sessions that end at once, in good order. */
export const endsAtOnce: Behaviour = { onStart: (session) => session.end({ kind: "finished" }) };

/** Sessions that end well some turns of the event loop later, so that they overlap. */
export const endsSoon = (turns: () => number): Behaviour => ({
  onStart: (session) => {
    const wait = (left: number): void => {
      if (left > 0) setImmediate(wait, left - 1);
      else session.end({ kind: "finished" });
    };
    wait(turns());
  },
});

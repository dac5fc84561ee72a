import { EventSourceParserStream } from "eventsource-parser/stream";
import type { ApiClient } from "office-contract/api/client.ts";
import { type JobEvent, jobEventSchema } from "office-contract/events.ts";
import type { EventType } from "office-contract/vocabulary.ts";

/** An office's events as its stream gives them, from the first on. */
export class EventLog {
  readonly events: JobEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #abort = new AbortController();
  #failure: Error | null = null;

  static async follow(client: ApiClient, officeId: string): Promise<EventLog> {
    const log = new EventLog();
    const request = { params: { officeId }, query: { after: 0 } };
    const response = await client.open("streamEvents", request, log.#abort.signal);
    void log.#read(response).catch((error: Error) => {
      log.#failure = error;
      log.#tell();
    });
    return log;
  }

  stop(): void {
    this.#abort.abort();
  }

  /** The first event of a type about a job, past or to come. */
  event(type: EventType, key: string, attempt?: number): Promise<JobEvent> {
    const isIt = (event: JobEvent) =>
      event.type === type && event.job_key === key && (attempt === undefined || event.attempt === attempt);
    return this.when(() => this.events.find(isIt));
  }

  /** Resolves when each of these jobs has come to an end, with the types of these ends by key. */
  async ends(...keys: string[]): Promise<Record<string, EventType>> {
    const ends = new Map<string | null, EventType>();
    await this.when(() => {
      for (const { type, job_key: key } of this.events) {
        if (ENDS.has(type)) ends.set(key, type);
        else ends.delete(key);
      }
      return keys.every((key) => ends.has(key)) ? ends : undefined;
    });
    return Object.fromEntries(keys.map((key) => [key, ends.get(key)])) as Record<string, EventType>;
  }

  /** `started a`, `completed a`, ... of the events of some types. */
  story(...types: EventType[]): string[] {
    return this.events
      .filter(({ type }) => types.includes(type))
      .map(({ type, job_key: key }) => `${type.replace("job_", "")} ${key}`);
  }

  /** The most jobs that were between their start and their end at the same time. */
  get mostAtOnce(): number {
    let running = 0;
    let most = 0;
    for (const { type } of this.events) {
      if (type === "job_started") running += 1;
      else if (type === "job_completed") running -= 1;
      most = Math.max(most, running);
    }
    return most;
  }

  async when<T>(probe: () => T | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = (): void => {
      const answer = probe();
      if (answer !== undefined) resolve(answer);
      else if (this.#failure !== null) reject(this.#failure);
    };
    this.#waiting.add(look);
    look();
    return promise.finally(() => this.#waiting.delete(look));
  }

  async #read(response: Response): Promise<void> {
    if (response.body === null) throw new Error("the stream has no body");
    const stream = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { id, event, data } of stream) {
      const read = jobEventSchema.parse(JSON.parse(data));
      if (id !== String(read.seq) || event !== read.type) throw new Error(`event ${data} came as ${event} ${id}`);
      this.events.push(read);
      this.#tell();
    }
    throw new Error("the stream has ended");
  }

  #tell(): void {
    for (const look of this.#waiting) look();
  }
}

const ENDS: ReadonlySet<EventType> = new Set(["job_completed", "job_failed", "job_timeout", "job_cancelled"]);

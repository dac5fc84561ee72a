import { setLongTimer, type Timer } from "../platform/timers.ts";
import { type Database, LOOK } from "./connection.ts";
import { createOwnClient, type OwnClient } from "./ownClient.ts";

export const WAKE_CHANNEL = "office_scheduler";
/** In place of an office: look everywhere. */
const ANY = "any";
/** Announcements that follow each other are gathered for this long: NOTIFY takes a lock that all commits share. */
const GATHER_MS = 25;
/** More offices than this are announced as "any". */
const OFFICES_MAX = 20;
const RECONNECT_MS = 500;
const CONNECT_MS_MAX = 10_000;
/** A connection that has gone deaf without a word is noticed within twice this long. */
const PROBE_MS = 5_000;
/** Follows the sender where sessions that run are concerned. */
const ORDERS = "orders";
/** Follows the sender, with the request's name, where a pass is asked for. */
export const PASS = "pass";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Tells other processes, after the commit, that something changed in some offices. */
export class Announcer {
  readonly #database: Database;
  /** Goes along, so that a process does not wake itself. */
  readonly #sender: string;
  /** And whether their sessions that run are concerned. */
  readonly #offices = new Map<string, boolean>();
  #timer: Timer | null = null;
  #sending: Promise<unknown> = Promise.resolve();

  constructor(database: Database, sender: string) {
    this.#database = database;
    // The parts of a payload are separated by spaces.
    this.#sender = encodeURIComponent(sender);
  }

  /** Something may start in these offices. Sends at once; what follows closely is gathered first. */
  announce(officeIds: Iterable<string>): void {
    for (const id of officeIds) this.#offices.set(id, this.#offices.get(id) ?? false);
    if (this.#timer === null) this.#send();
  }

  /** Sessions that run in these offices are to be stopped, or have another deadline. */
  order(officeIds: Iterable<string>): void {
    for (const id of officeIds) this.#offices.set(id, true);
    if (this.#timer === null) this.#send();
  }

  /** Sends what is gathered and waits until it is sent. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#send();
    this.#timer?.cancel();
    this.#timer = null;
    await this.#sending;
  }

  #send(): void {
    this.#timer = null;
    if (this.#offices.size === 0) return;
    const offices =
      this.#offices.size > OFFICES_MAX ? [`${ANY} ${this.#sender}`] : [...this.#offices].map(this.#payload);
    this.#offices.clear();
    this.#timer = setLongTimer(() => this.#send(), GATHER_MS);
    // A lost announcement is caught by the listeners' next tick, so a failure is no one's problem here; and it need not be durable.
    const text = `SELECT set_config('synchronous_commit', 'off', true), pg_notify('${WAKE_CHANNEL}', o) FROM unnest($1::text[]) AS o`;
    this.#sending = this.#database.query("announce", text, [offices], LOOK).then(ignore, ignore);
  }

  readonly #payload = ([officeId, orders]: [string, boolean]): string =>
    orders ? `${officeId} ${this.#sender} ${ORDERS}` : `${officeId} ${this.#sender}`;
}

const ignore = (): void => {};

/**
 * What was heard: something changed in an office, its running sessions are concerned, another program wrote jobs into it,
 * somebody asks for a pass over it and for an answer, or any office may have changed.
 */
export type Wakeup =
  | { kind: "office" | "orders" | "foreign"; officeId: string }
  | { kind: "pass"; officeId: string; requestId: string }
  | { kind: "any" };

function read(payload: string, self: string): Wakeup | null {
  const [officeId = "", sender, word, requestId = ""] = payload.split(" ");
  if (sender === encodeURIComponent(self)) return null;
  // Anybody may send anything here.
  if (!UUID.test(officeId)) return { kind: "any" };
  if (sender === undefined) return { kind: "foreign", officeId };
  if (word === PASS) return { kind: "pass", officeId, requestId };
  return { kind: word === ORDERS ? "orders" : "office", officeId };
}

/** Hears what other processes announce. Without LISTEN (a transaction pooler, say) it stays silent, and ticks do the work. */
export class Listener {
  readonly #database: Database;
  readonly #self: string;
  readonly #probeMs: number;
  readonly #onWake: (wakeup: Wakeup) => void;
  #connection: OwnClient | null = null;
  #retry: Timer | null = null;
  #probe: Timer | null = null;
  #stopped = false;
  #connecting: Promise<void> = Promise.resolve();
  /** Whether there was a time without a connection. */
  #missed = false;

  /** `self` is the sender whose own announcements are not heard. `probeMs`: how often it is looked whether it still hears. */
  constructor(database: Database, self: string, onWake: (wakeup: Wakeup) => void, probeMs = PROBE_MS) {
    this.#probeMs = probeMs;
    this.#database = database;
    this.#self = self;
    this.#onWake = onWake;
  }

  /** Resolves when it listens, or when the first attempt to has failed. It keeps trying until stopped. */
  async start(): Promise<void> {
    if (this.#stopped) return;
    this.#connecting = this.#connect();
    await this.#connecting;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#probe?.cancel();
    // A client that is ended while it connects may never say that it has.
    await this.#connecting;
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
  }

  async #connect(): Promise<void> {
    const { connectionString } = this.#database.options;
    const connection = createOwnClient({
      connectionString,
      application_name: "office listen",
      query_timeout: this.#probeMs,
      connectionTimeoutMillis: CONNECT_MS_MAX,
    });
    const { client } = connection;
    client.on("end", () => this.#reconnect(connection));
    client.on("notification", ({ payload = "" }) => {
      const wakeup = read(payload, this.#self);
      if (wakeup !== null) this.#onWake(wakeup);
    });
    this.#connection = connection;
    try {
      await client.connect();
      await client.query(`LISTEN ${WAKE_CHANNEL}`);
      if (this.#missed) this.#onWake({ kind: "any" });
      this.#missed = false;
      this.#probeSoon(connection);
    } catch {
      connection.close();
      this.#reconnect(connection);
    }
  }

  /** Nothing tells that nothing is heard any more, but an answer that does not come. */
  #probeSoon(connection: OwnClient): void {
    if (this.#stopped || this.#connection !== connection) return;
    this.#probe = setLongTimer(() => {
      connection.client.query("SELECT 1").then(
        () => this.#probeSoon(connection),
        () => {
          connection.close();
          this.#reconnect(connection);
        },
      );
    }, this.#probeMs);
  }

  #reconnect(connection: OwnClient): void {
    if (this.#stopped || this.#connection !== connection) return;
    this.#connection = null;
    this.#missed = true;
    this.#retry = setLongTimer(() => {
      this.#connecting = this.#connect();
    }, RECONNECT_MS);
  }
}

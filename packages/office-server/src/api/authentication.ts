import type { Request, Response } from "express";
import type { Database } from "../db/connection.ts";
import { noteKeyUse } from "../db/queries/accessKeys.ts";
import { Refusal } from "../domain/refusal.ts";
import { monotonicMs } from "../platform/clock.ts";
import { setLongTimer, type Timer } from "../platform/timers.ts";
import { findKey } from "../services/access/keys.ts";
import type { Caller } from "./handler.ts";

/** A key that was revoked through another process opens for so long at most. */
const REMEMBERED_MS = 1_000;
const REMEMBERED_MAX = 1_000;
const NOTED_EVERY_MS = 60_000;
/** The same for an answer that goes on and on. */
const WATCHED_EVERY_MS = 5_000;

interface Remembered {
  caller: Caller;
  checkedAtMs: number;
}

/** Knows who sends a request by its key. Keys are remembered for a moment: a busy client costs no query a request. */
export class Authentication {
  readonly #database: Database;
  readonly #remembered = new Map<string, Remembered>();
  readonly #notedAtMs = new Map<string, number>();
  /** Each looks whether a key still opens what it is being given. */
  readonly #watching = new Set<() => void>();
  /** Counts how often everything was forgotten. */
  #age = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @throws Refusal where there is no key, or one that opens nothing */
  async callerOf(request: Request): Promise<Caller> {
    const token = bearerToken(request);
    const remembered = this.#remembered.get(token);
    if (remembered !== undefined && monotonicMs() - remembered.checkedAtMs < REMEMBERED_MS) return remembered.caller;
    const age = this.#age;
    const key = await findKey(this.#database, token);
    if (key === null) throw new Refusal("unauthorized", "the key is unknown, or was revoked");
    const caller: Caller = { keyId: key.id, officeId: key.office_id, access: key.access };
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    // What was found before a key was revoked is not kept after it.
    if (age === this.#age) this.#remembered.set(token, { caller, checkedAtMs: monotonicMs() });
    await this.#note(key.id);
    return caller;
  }

  /** A key was revoked: from now on it opens nothing here. */
  forgetAll(): void {
    this.#age += 1;
    this.#remembered.clear();
    for (const look of this.#watching) look();
  }

  /** Cuts an answer that goes on as soon as its key opens nothing any more. */
  watch(request: Request, response: Response): void {
    const wait = (): Timer => setLongTimer(look, WATCHED_EVERY_MS);
    const look = (): void => {
      timer.cancel();
      this.callerOf(request)
        .catch((error: unknown) => {
          // That the database is away is no reason.
          if (error instanceof Refusal) response.destroy();
        })
        .finally(() => {
          if (!response.closed && !response.destroyed) timer = wait();
        });
    };
    let timer = wait();
    this.#watching.add(look);
    response.once("close", () => {
      timer.cancel();
      this.#watching.delete(look);
    });
  }

  async #note(keyId: string): Promise<void> {
    const nowMs = monotonicMs();
    const notedAtMs = this.#notedAtMs.get(keyId);
    if (notedAtMs !== undefined && nowMs - notedAtMs < NOTED_EVERY_MS) return;
    if (this.#notedAtMs.size >= REMEMBERED_MAX) this.#notedAtMs.clear();
    this.#notedAtMs.set(keyId, nowMs);
    await noteKeyUse(this.#database, keyId);
  }
}

/** @throws Refusal where there is none */
export function bearerToken({ headers: { authorization = "" } }: Request): string {
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  if (token === undefined) {
    throw new Refusal("unauthorized", "the header Authorization is missing or no `Bearer` and a key");
  }
  return token;
}

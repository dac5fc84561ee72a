import type { EventType } from "office-contract/vocabulary.ts";
import type { Place } from "../../../db/consumerRows.ts";

/** What became of one step through an office's log. */
export type Step =
  /** Everything up to `to` is delivered, or of no concern. Nothing more is to be sent before `restMs` is over. */
  | { kind: "delivered"; to: number; restMs?: number }
  /** There is nothing behind this place. */
  | { kind: "nothing" }
  /** To be tried again, not before `retryAfterMs` if that is not null. */
  | { kind: "failed"; error: string; retryAfterMs: number | null }
  /** Never again, until somebody switches the consumer on. */
  | { kind: "refused"; error: string };

/** Consumers of one kind, and how events get to them. */
export interface Consumer {
  /** The first word of their ids. */
  kind: "webhook" | "slack" | "supabase";
  /** The types of events that concern them. None: all, or as each of them says itself. */
  types: readonly EventType[];
  /** How many of their places are delivered from at the same time. */
  slots: number;
  /** Whether one that has not been reached for days is switched off. */
  givesUp: boolean;
  /** Sends what comes next behind a place. Aborting the signal ends it, with whatever error. */
  deliver(place: Place, signal: AbortSignal): Promise<Step>;
  close(): Promise<void>;
}

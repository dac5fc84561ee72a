import type { History } from "./records.ts";

export type Verdict = "valid" | "invalid" | "unknown";

/** What an invariant has to say about a history. */
export interface Finding {
  invariant: string;
  verdict: Verdict;
  /** How many things it has looked at. Of none, it can say nothing. */
  judged: number;
  /** Where it is broken, for people to read; or why nothing is known. */
  reasons: string[];
}

/** Collects what an invariant finds. */
export class Judgement {
  judged = 0;
  readonly violations: string[] = [];
  /** What keeps it from saying anything. */
  obstacle: string | null = null;

  violated(reason: string): void {
    this.violations.push(reason);
  }
}

export interface Invariant {
  /** What always holds. */
  name: string;
  judge: (this: void, history: History, judgement: Judgement) => void;
}

export function findingOf({ name, judge }: Invariant, history: History): Finding {
  const judgement = new Judgement();
  judge(history, judgement);
  const { judged, violations, obstacle } = judgement;
  if (violations.length > 0) return { invariant: name, verdict: "invalid", judged, reasons: violations };
  const reason = obstacle ?? (judged === 0 ? "there was nothing to be judged by" : null);
  if (reason !== null) return { invariant: name, verdict: "unknown", judged, reasons: [reason] };
  return { invariant: name, verdict: "valid", judged, reasons: [] };
}

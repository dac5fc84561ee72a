import { relateClocks } from "../clock.ts";
import type { Invariant } from "../finding.ts";
import { limitsOf } from "../limits.ts";
import type { History, OfficeRecord, SessionRecord } from "../records.ts";

/** Sessions are counted by their own word: those that are certainly alive at the moment at which another one starts. */
export const limitsHold: Invariant = {
  name: "never more sessions at a time than the office and its roles allow",
  judge(history, judgement) {
    const clocks = relateClocks(history.clock);
    if (clocks === null) judgement.obstacle = "the clocks cannot be related";
    const claims = claimTimes(history);
    for (const office of history.offices) {
      const sessions = history.sessions.filter(({ officeId }) => officeId === office.id);
      const limitWithin = limitsOf(history, office);
      for (const one of sessions) {
        const others = sessions.filter((other) => other !== one && isAliveAt(other, one.startMs));
        judgement.judged += 1;
        const claim = claims.get(one.executionId);
        const claimedMs = claim === undefined || clocks === null ? -Infinity : clocks.boundsOf(claim).fromMs;
        const limit = limitWithin(claimedMs, one.startMs);
        if (others.length + 1 > limit) judgement.violated(tooMany(one, others, `the office allows ${limit}`));
        const roleLimit = roleLimitOf(office, one.role);
        const ofRole = others.filter(({ role }) => role === one.role);
        if (ofRole.length + 1 > roleLimit) judgement.violated(tooMany(one, ofRole, `${one.role} allows ${roleLimit}`));
      }
    }
  },
};

const isAliveAt = ({ startMs, aliveMs }: SessionRecord, atMs: number): boolean => startMs <= atMs && atMs <= aliveMs;

const roleLimitOf = ({ maxConcurrentByRole }: OfficeRecord, role: string): number =>
  maxConcurrentByRole[role] ?? Infinity;

const claimTimes = ({ events }: History): Map<string, string> => {
  const claims = new Map<string, string>();
  for (const list of events.values()) {
    for (const { type, execution_id: id, timestamp } of list) {
      if (type === "job_started" && id !== null) claims.set(id, timestamp);
    }
  }
  return claims;
};

const tooMany = (one: SessionRecord, others: readonly SessionRecord[], allowed: string): string =>
  `office ${one.officeId}, ${one.startMs} ms: execution ${one.executionId} started while ${others.length} others were alive (${others
    .map(({ executionId, startMs, aliveMs }) => `${executionId} from ${startMs} to ${aliveMs}`)
    .join(", ")}), and ${allowed}`;

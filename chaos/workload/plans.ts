import { join } from "node:path";
import type { RequestOf } from "office-contract/api/client.ts";
import type { Random } from "../random.ts";

export type NewJob = RequestOf<"submitJobs">["body"]["jobs"][number];

/** Jobs of this role are run by agents elsewhere. */
export const ELSEWHERE = "Elsewhere";
export const ROLES = ["BE", "FE", "QA"] as const;
/** How long an agent elsewhere may be silent, in ms. */
export const LEASE_MS = 10_000;
const AGENT = join(import.meta.dirname, "../agent/agent.sh");
const REAL_SHARE = 0.2;
const SIZE_MAX = 30;

/** A graph of jobs: a chain, a fan, diamonds, or edges at random. */
export function randomPlan(random: Random, folders: { records: string; work: string }): NewJob[] {
  const size = random.between(3, SIZE_MAX);
  const shape = random.pick(["chain", "fan", "diamonds", "random"] as const);
  return Array.from({ length: size }, (_, index) => ({
    key: `job-${index}`,
    depends_on: dependenciesOf(shape, index, random).map((dependency) => `job-${dependency}`),
    priority: random.between(-5, 5),
    ...(random.chance(REAL_SHARE)
      ? realJob(random, folders)
      : { role: ELSEWHERE, runtime: "external", lease: LEASE_MS }),
  }));
}

function dependenciesOf(shape: "chain" | "fan" | "diamonds" | "random", index: number, random: Random): number[] {
  if (index === 0) return [];
  switch (shape) {
    case "chain":
      return [index - 1];
    case "fan":
      return [0];
    case "diamonds":
      return index % 3 === 0 ? [index - 1, index - 2] : [index - (index % 3)];
    case "random":
      return [...new Set(Array.from({ length: random.between(0, 3) }, () => random.between(0, index - 1)))];
  }
}

function realJob(random: Random, { records, work }: { records: string; work: string }): Omit<NewJob, "key"> {
  const { does, timeout = 60_000 } = behaviour(random);
  const env = { CHAOS_RECORDS: records };
  return { role: random.pick(ROLES), command: [AGENT, ...does], env, cwd: work, timeout };
}

/** Most sessions are short and end well; the others are what makes schedulers stumble. */
function behaviour(random: Random): { does: string[]; timeout?: number } {
  const luck = random.fraction();
  if (luck < 0.7) return { does: [`run=${random.between(0, 1)}`] };
  if (luck < 0.78) return { does: [`run=${random.between(3, 12)}`] };
  if (luck < 0.86) return { does: ["run=0", `exit=${random.between(1, 3)}`] };
  if (luck < 0.9) return { does: ["run=30"], timeout: random.between(500, 2_000) };
  if (luck < 0.92) return { does: ["deaf", "run=30"], timeout: 1_000 };
  if (luck < 0.96) return { does: ["daemon", "run=1"] };
  return { does: ["output=300000", "run=1"] };
}

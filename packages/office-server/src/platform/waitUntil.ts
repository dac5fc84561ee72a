import { monotonicMs } from "./clock.ts";
import { pause } from "./timers.ts";

/**
 * Asks again and again until there is an answer, for what cannot be waited for otherwise (files and processes of
 * others). Null when there is none in time.
 */
export async function waitUntil<T>(
  probe: () => Promise<T | null> | T | null,
  { everyMs, timeoutMs }: { everyMs: number; timeoutMs: number },
): Promise<T | null> {
  const deadlineMs = monotonicMs() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== null || monotonicMs() >= deadlineMs) return answer;
    await pause(everyMs);
  }
}

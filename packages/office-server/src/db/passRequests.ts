import { newId } from "../platform/ids.ts";
import { setLongTimer, type Timer } from "../platform/timers.ts";
import type { Database } from "./connection.ts";
import { createOwnClient } from "./ownClient.ts";
import { PASS, WAKE_CHANNEL } from "./wakeups.ts";

const REPLY_CHANNEL = "office_scheduler_reply";
const CONNECT_MS_MAX = 5_000;
/** After the first answer the others are due: one that does not come is that of a worker that has just died. */
const OTHERS_MS_MAX = 500;

/** What one scheduling pass did. */
export interface PassSummary {
  activated: number;
  started: number;
}

/**
 * Asks every worker for a pass over an office, and returns what those did that answered: all of `workers`, or fewer when
 * `timeoutMs` is over.
 */
export async function askForPass(
  database: Database,
  officeId: string,
  { workers, timeoutMs }: { workers: number; timeoutMs: number },
): Promise<PassSummary[]> {
  const requestId = newId();
  const answers: PassSummary[] = [];
  const timers: Timer[] = [];
  const { client, close } = createOwnClient({
    connectionString: database.options.connectionString,
    application_name: "office request",
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: CONNECT_MS_MAX,
  });
  const { promise: answered, resolve, reject } = Promise.withResolvers<void>();
  // Whoever waits below is told; when nobody does yet, it is the statement that fails.
  answered.catch(() => {});
  client.on("error", reject);
  client.on("notification", ({ payload = "" }) => {
    const [id, activated, started] = payload.split(" ");
    if (id !== requestId) return;
    answers.push({ activated: Number(activated), started: Number(started) });
    if (answers.length === workers) resolve();
    else if (answers.length === 1) timers.push(setLongTimer(resolve, OTHERS_MS_MAX));
  });
  try {
    await client.connect();
    timers.push(setLongTimer(resolve, timeoutMs));
    await client.query(`LISTEN ${REPLY_CHANNEL}`);
    await client.query("SELECT pg_notify($1, $2)", [WAKE_CHANNEL, `${officeId} ${requestId} ${PASS} ${requestId}`]);
    await answered;
  } finally {
    for (const waiting of timers) waiting.cancel();
    close();
  }
  return answers;
}

/** Tells who has asked for a pass what it did. */
export async function answerPass(database: Database, requestId: string, summary: PassSummary): Promise<void> {
  await database.query("answer_pass", "SELECT pg_notify($1, $2)", [
    REPLY_CHANNEL,
    `${requestId} ${summary.activated} ${summary.started}`,
  ]);
}

// A session orchestrator of its own: runs the sessions of jobs whose runtime is `external`, and reports about them.
//   OFFICE_ID=... OFFICE_TOKEN=... node sessionOrchestrator.mjs
import { setTimeout as sleep } from "node:timers/promises";
import { api, receive } from "./office.mjs";

const running = new Set();

await receive({ events: ["job_started"], execution_tokens: true }, async ({ data }) => {
  const { session, execution_id: id } = data;
  // No `session`: the job is run by the office itself, or is over already.
  if (session === undefined || running.has(id)) return;
  running.add(id);
  // The answer says that it is taken over, and does not wait for its end.
  run(data)
    .catch((error) => console.error(error.message))
    .finally(() => running.delete(id));
});

async function run({ job, session, execution_token: token, complete_url: completeUrl, heartbeat_url: heartbeatUrl }) {
  const over = new AbortController();
  const beating = beat(session, heartbeatUrl, token, over);
  let end;
  try {
    end = { success: true, result: await work(session, over.signal) };
  } catch (error) {
    end = { success: false, error: { class: "SESSION_CRASH", message: error.message } };
  }
  over.abort();
  await beating;
  console.log(`${job.key ?? job.id} is ${await report(completeUrl, end, token)}`);
}

/** Again until there is an answer: what is not reported counts as a crash. */
async function report(completeUrl, end, token) {
  try {
    return (await api("POST", completeUrl, end, { token })).status;
  } catch (error) {
    // The first answer got lost, or it came too late: the message says what became of it.
    if (error.code === "execution_is_over") return `over: ${error.message}`;
    if (error.code !== undefined) throw error;
    await sleep(1_000);
    return report(completeUrl, end, token);
  }
}

/** Says three times in each lease that the session is alive, and learns whether it is to stop. */
async function beat({ lease_ms: leaseMs }, heartbeatUrl, token, over) {
  while (!over.signal.aborted) {
    await sleep(leaseMs / 3, undefined, { signal: over.signal }).catch(() => {});
    if (over.signal.aborted) return;
    const { stop } = await api("POST", heartbeatUrl, {}, { token }).catch(() => ({ stop: null }));
    if (stop !== null) over.abort(new Error(`stopped: ${stop}`));
  }
}

/** This is where an agent would be started. */
async function work({ prompt, title }, signal) {
  await sleep(50, undefined, { signal });
  return { did: prompt ?? title };
}

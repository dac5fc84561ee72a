import type { JobEvent } from "office-contract/events.ts";
import type { Invariant, Judgement } from "../finding.ts";
import { inWords, jobLogs } from "../jobLog.ts";
import type { OfficeRecord } from "../records.ts";

/** Both are of the database, and written with a precision of 1 ms. */
const SLACK_MS = 2;
const NOT_RETRIED = new Set(["GIT_CONFLICT", "PERMISSION_DENIED", "INVALID_JOB"]);

export const retriesAsConfigured: Invariant = {
  name: "attempts and the waits between them are as configured, and a lost worker costs no attempt",
  judge(history, judgement) {
    const offices = new Map(history.offices.map((office) => [office.id, office]));
    for (const { officeId, events } of jobLogs(history).values()) {
      const office = offices.get(officeId);
      if (office !== undefined) walk(events, office, judgement);
    }
  },
};

function walk(events: readonly JobEvent[], office: OfficeRecord, judgement: Judgement): void {
  let retries = 0;
  let notBeforeMs = -Infinity;
  for (const event of events) {
    const { type, details } = event;
    const isExplicit = details["explicit"] === true;
    if (isExplicit) retries = 0;
    if (type === "job_retrying" && !isExplicit && details["reason"] === undefined) {
      retries += 1;
      judgement.judged += 1;
      const waitMs = Math.min(office.retryBaseDelay * 2 ** (retries - 1), office.retryMaxDelay);
      if (details["retry_delay_ms"] !== waitMs) {
        judgement.violated(
          `${inWords(event)} waits ${String(details["retry_delay_ms"])} ms; it should be ${waitMs} ms`,
        );
      }
      if (retries > office.maxRetries)
        judgement.violated(`${inWords(event)} is retry ${retries} of ${office.maxRetries}`);
      if (NOT_RETRIED.has(String(details["error_class"])))
        judgement.violated(`${inWords(event)}, which is never retried`);
      notBeforeMs = Date.parse(event.timestamp) + waitMs;
    }
    if (type === "job_ready" && Date.parse(event.timestamp) < notBeforeMs - SLACK_MS) {
      judgement.violated(`${inWords(event)} came ${notBeforeMs - Date.parse(event.timestamp)} ms too early`);
    }
    if (type === "job_ready") notBeforeMs = -Infinity;
    const failedAtOnce = type === "job_failed" && details["error_class"] === "EXIT_CODE" && retries < office.maxRetries;
    if (failedAtOnce) judgement.violated(`${inWords(event)} after ${retries} of ${office.maxRetries} retries`);
  }
}

import type { Submitted } from "office-contract/api/jobs.ts";
import { submitJobs } from "../../services/jobs/submitJobs.ts";
import type { Handlers } from "../handler.ts";

export const submitHandlers: Handlers<"submitJobs"> = {
  submitJobs: async ({ database, announcer, config }, { params: { officeId }, headers, body, response }) => {
    const submission = await submitJobs(database, officeId, body, {
      allowRun: config.allowRun,
      workingFolder: process.cwd(),
      idempotencyKey: headers["idempotency-key"] ?? null,
    });
    if (!submission.isRepeat) {
      announcer.announce([officeId]);
      return submission.answer;
    }
    // As it was sent the first time, byte for byte.
    response.status(201).set("Idempotent-Replay", "true").type("json").send(submission.text);
    return JSON.parse(submission.text) as Submitted;
  },
};

// A pull-request workflow: is told of each job that is done, opens a pull request for its branch, and notes the number.
//   OFFICE_ID=... OFFICE_TOKEN=... node pullRequests.mjs
import { api, office, receive } from "./office.mjs";

let lastNumber = 0;

await receive({ events: ["job_completed"] }, async ({ data: { job } }) => {
  // It may be told of the same job again: the note in the job says whether its pull request is open already.
  if (job === null || job.pr_number !== null) return;
  const branch = job.branch_name ?? `jobs/${job.id}`;
  const number = await openPullRequest({ branch, title: `${job.role}: ${job.title}`, body: job.result });
  await api("PATCH", `${office}/jobs/${job.id}`, { pr_number: number, branch_name: branch });
  console.log(`${job.key ?? job.id} is #${number}`);
});

/** This is where GitHub or GitLab would be asked. */
async function openPullRequest() {
  lastNumber += 1;
  return lastNumber;
}

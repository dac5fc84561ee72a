// A decomposer: breaks a request into jobs that name each other by key, and posts them as one task.
//   OFFICE_ID=... OFFICE_TOKEN=... node decomposer.mjs "Login feature"
import { randomUUID } from "node:crypto";
import { api, office } from "./office.mjs";

const [request = "Login feature"] = process.argv.slice(2);

// This is where a model would be asked.
const jobs = [
  { key: "design", role: "Architect", title: `Design: ${request}`, runtime: "external", prompt: `Design ${request}.` },
  { key: "api", role: "BE", title: `Endpoints: ${request}`, runtime: "external", depends_on: ["design"] },
  { key: "form", role: "FE", title: `Pages: ${request}`, runtime: "external", depends_on: ["design"] },
  { key: "test", role: "QA", title: `Tests: ${request}`, runtime: "external", depends_on: ["api", "form"] },
];

// The same key makes a repeat, after a lost answer say, return the first answer and store nothing.
const headers = { "idempotency-key": randomUUID() };
const answer = await submit();
console.log(JSON.stringify({ task_id: answer.task_id, jobs: answer.jobs.map(({ key, status }) => ({ key, status })) }));

async function submit(attempts = 3) {
  try {
    return await api("POST", `${office}/jobs`, { task: request, jobs }, { headers });
  } catch (error) {
    // What the API has refused stays refused; what never arrived may be sent again.
    if (error.code !== undefined || attempts === 1) throw error;
    return submit(attempts - 1);
  }
}

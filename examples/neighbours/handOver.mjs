// An agent-communication service: one agent asks another one, or another role, to take a job over.
//   OFFICE_ID=... OFFICE_TOKEN=... node handOver.mjs JOB_ID ROLE
import { api, office } from "./office.mjs";

const [jobId, role] = process.argv.slice(2);
const address = `${office}/jobs/${jobId}/assignee`;

try {
  const { status } = await api("PATCH", address, { role });
  console.log(`${role} has it now, and it is ${status}`);
} catch (error) {
  if (error.code !== "job_is_running") throw error;
  // Its session is stopped, and the job starts anew as one of its new role.
  const { status } = await api("PATCH", address, { role, requeue: true });
  console.log(`it was running; ${role} has it now, and it is ${status}`);
}

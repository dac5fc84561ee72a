/** Writes docs/errors.md from the list of problems; with --check, fails when the file is not what it would write. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROBLEM_CODES, type ProblemCode, PROBLEMS } from "office-contract/api/problems.ts";
import { COMMON_PROBLEMS, type Route, ROUTES } from "office-contract/api/routes.ts";
import { problemsOf } from "../api/openapi.ts";

const MEANINGS: Readonly<Record<ProblemCode, string>> = {
  malformed_json: "the body cannot be read as JSON, or its compressed form is broken",
  invalid_request:
    "a field of the body, the query, the path or a header is wrong, missing or unknown; `errors` names up to 20 of them",
  unauthorized:
    "there is no `Authorization: Bearer ofk_...`, or the key is unknown or was revoked; `execution` routes want the token of exactly that execution",
  forbidden: "the key is good, and may only read, or is for one office where all are concerned",
  shell_not_allowed: "a job has `run`, a shell line, and the operator has not set ALLOW_RUN",
  host_not_allowed:
    "the request names a host that is not this API's (see ALLOWED_HOSTS), or comes from a page of another site",
  not_found: "there is nothing at this address, or the key does not open the office in which it is",
  method_not_allowed: "the address is right and the method is not; `Allow` has those that are",
  job_is_final: "the job has ended, and this is about one that has not; a retry brings it back",
  job_not_final: "only a job that has ended can be run again",
  dependency_failed: "brought back, the job would be cancelled again at once; retry the one that the detail names",
  job_is_running: "the job has a session; wait for its end, cancel it, or say `requeue: true` where that is offered",
  office_is_busy: "an office is deleted only when none of its sessions runs; cancel them and wait for their end",
  office_is_archived: "an archived office takes no jobs, and brings none back; make it active first",
  execution_is_over:
    "the execution has ended, or another one took its place; what was reported about it changed nothing",
  not_external: "only a session that runs elsewhere is reported about by others",
  conflict: "the detail says what is in the way: an office of that name, the last key that can create others",
  events_expired:
    "events after that place are no longer kept, or the log is another one; read the jobs anew and follow from now on",
  too_large:
    "the body is larger than 1 MiB: 32 MiB for a submission, 4 MiB for reports about executions; compressed bodies count as what they are when unpacked",
  unsupported_media_type:
    "the body comes as something other than `application/json` in UTF-8, plain or compressed by gzip, deflate or br",
  invalid_graph:
    "jobs depend on each other in a circle (`cycle` has it in order), on unknown jobs, on themselves, or share a key; nothing was stored",
  idempotency_key_reused: "the same key came with another request before",
  too_many_requests:
    "the key has sent RATE_LIMIT_PER_MINUTE requests within a minute, or an address 600 without a valid key; `Retry-After` says when to come back, in seconds",
  internal_error: "a defect of the API; its log has more, under the request's id (`X-Request-Id`)",
  database_unavailable: "the database does not answer; the request may be repeated after `Retry-After` seconds",
};

const everywhere: ReadonlySet<ProblemCode> = new Set([...COMMON_PROBLEMS, "method_not_allowed"]);
const ofBodies: ReadonlySet<ProblemCode> = new Set(["malformed_json", "too_large", "unsupported_media_type"]);

function routesOf(code: ProblemCode): string {
  if (everywhere.has(code)) return "all";
  if (ofBodies.has(code)) return "all that take a body";
  const names = (Object.entries(ROUTES) as [string, Route][])
    .filter(([, route]) => problemsOf(route).includes(code))
    .map(([name]) => `\`${name}\``);
  return names.join(", ");
}

const rows = PROBLEM_CODES.map(
  (code) =>
    `| ${PROBLEMS[code].status} | \`${code}\` | ${PROBLEMS[code].title} | ${MEANINGS[code]} | ${routesOf(code)} |`,
);

const text = `<!-- Written by packages/office-server/src/generate/errorsDoc.ts (npm run generate). Do not edit. -->
# Errors of the API

Whatever is refused or fails is answered with a problem document (RFC 9457, \`application/problem+json\`):

\`\`\`json
{
  "type": "urn:office:problem:invalid_request",
  "title": "The request has fields that are wrong, missing or unknown.",
  "status": 400,
  "detail": "body.jobs[2].timout is no field that is known here (did you mean \\"timeout\\"?)",
  "code": "invalid_request",
  "errors": [
    { "field": "body.jobs[2].timout", "message": "is no field that is known here (did you mean \\"timeout\\"?)" }
  ]
}
\`\`\`

Programs go by \`code\`; \`detail\` is for people and may change. What is refused has changed nothing.

| status | code | title | when | routes |
|---|---|---|---|---|
${rows.join("\n")}

The list itself is \`PROBLEMS\` in \`packages/office-contract/src/api/problems.ts\`; routes are named as in
[openapi.json](openapi.json).
`;

const path = join(import.meta.dirname, "../../../../docs/errors.md");
if (!process.argv.includes("--check")) {
  writeFileSync(path, text);
} else if (readFileSync(path, "utf8") !== text) {
  process.stderr.write("docs/errors.md is not what the problems say: run `npm run generate`\n");
  process.exitCode = 1;
}

/** Writes docs/lifecycle.md from the list of transitions; with --check, fails when the file is not what it would write. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FINAL_JOB_STATES, JOB_STATES, type JobState } from "office-contract/vocabulary.ts";
import { TRANSITIONS } from "../domain/lifecycle.ts";

const MEANINGS: Readonly<Record<JobState, string>> = {
  pending: "waits for its dependencies, or for its retry time (`run_at`)",
  ready: "may start as soon as a slot is free",
  processing: "has a live execution",
  done: "its session did what it was asked to",
  failed: "its session failed, and will not be tried again; or it can never run",
  timeout: "its session ran past its timeout, and will not be tried again",
  cancelled: "somebody cancelled it, or something it depends on ended badly",
};

const states = JOB_STATES.map((state) => `| \`${state}\` | ${MEANINGS[state]} | ${isEnd(state) ? "yes" : ""} |`);
const arrows = TRANSITIONS.map(({ from, to, reason }) => `  ${from} --> ${to}: ${reason}`);
const rows = TRANSITIONS.map(({ from, to, reason }) => `| \`${from}\` | \`${to}\` | ${reason} |`);

function isEnd(state: JobState): boolean {
  return (FINAL_JOB_STATES as readonly JobState[]).includes(state);
}

const text = `<!-- Written by packages/office-server/src/generate/lifecycleDoc.ts (npm run generate). Do not edit. -->
# The life of a job

| state | a job in it | final |
|---|---|---|
${states.join("\n")}

\`\`\`mermaid
stateDiagram-v2
  [*] --> pending: submitted with dependencies
  [*] --> ready: submitted without
${arrows.join("\n")}
\`\`\`

| from | to | when |
|---|---|---|
${rows.join("\n")}

No other change is possible: the code has no other, and the database refuses it. Each change writes its event in the
same transaction. The list itself is \`TRANSITIONS\` in \`packages/office-server/src/domain/lifecycle.ts\`.

An execution, one attempt at a job, is \`running\` and then \`completed\`, \`failed\`, \`timeout\`, \`cancelled\` or \`lost\`. It
holds its slot until every process of its session is gone, also when its job has been cancelled in the meantime.
`;

const path = join(import.meta.dirname, "../../../../docs/lifecycle.md");
if (!process.argv.includes("--check")) {
  writeFileSync(path, text);
} else if (readFileSync(path, "utf8") !== text) {
  process.stderr.write("docs/lifecycle.md is not what the transitions say: run `npm run generate`\n");
  process.exitCode = 1;
}

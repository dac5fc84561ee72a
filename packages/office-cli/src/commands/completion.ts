import type { Command } from "commander";
import { jobSchedulerConfigSchema } from "office-contract/config.ts";
import { JOB_STATES } from "office-contract/vocabulary.ts";
import { connect } from "../api/connect.ts";
import { listOffices, openOffice } from "../api/findOffice.ts";
import { jobPages } from "../api/jobPages.ts";
import {
  asCandidate,
  type Candidate,
  complete,
  startingWith,
  type Subject,
  visible,
} from "../completion/candidates.ts";
import { SCRIPTS, SHELLS } from "../completion/scripts.ts";
import { printable } from "../line.ts";
import type { Output } from "../output.ts";
import { UsageError } from "../usageError.ts";

const CANDIDATES_MAX = 200;

/** `office completion SHELL`: prints what makes a shell complete. Returns the exit code. */
export async function printCompletion(named: string, { stdout }: Output): Promise<number> {
  const shell = SHELLS.find((name) => name === named);
  if (shell === undefined) throw new UsageError(`completion is for ${SHELLS.join(", ")}; not for "${named}"`);
  stdout.write(SCRIPTS[shell]);
  return 0;
}

/** `office complete -- WORDS...`: prints what may follow. What cannot be found out is left out. Returns the exit code. */
export async function printCandidates(program: Command, words: readonly string[], { stdout }: Output): Promise<number> {
  const completion = complete(program, words);
  if (completion.kind === "subject" && completion.subject === "files") {
    stdout.write(":files\n");
    return 0;
  }
  const candidates =
    completion.kind === "words"
      ? completion.words
      : startingWith(
          completion.prefix,
          await thingsOf(completion.subject, completion.office, program).catch((): Candidate[] => []),
        );
  const lead = completion.kind === "subject" ? completion.lead : "";
  const lines = candidates
    .slice(0, CANDIDATES_MAX)
    .map(({ word, description }) => `${lead}${printable(word)}\t${printable(description)}\n`);
  stdout.write(lines.join(""));
  return 0;
}

/** Everything of a kind; of jobs the newest. */
async function thingsOf(subject: Subject, office: string | null, program: Command): Promise<Candidate[]> {
  switch (subject) {
    case "files":
      return [];
    case "commands":
      return visible(program).map(asCandidate);
    case "shells":
      return SHELLS.map(named);
    case "states":
      return JOB_STATES.map(named);
    case "settings":
      return Object.entries(jobSchedulerConfigSchema.shape).map(([name, { description = "" }]) => ({
        word: `${name}=`,
        description,
      }));
    case "offices":
      return (await listOffices(connect().client)).map(({ name, status }) => ({ word: name, description: status }));
    case "keys": {
      const { keys } = await connect().client.call("listKeys", {});
      return keys
        .filter((key) => key.revoked_at === null)
        .map(({ name, access }) => ({ word: name, description: access }));
    }
    case "webhooks": {
      const { client, officeId } = await openOffice({ ...(office !== null && { office }) });
      const { webhooks } = await client.call("listWebhooks", { params: { officeId } });
      return webhooks.map(({ url, id }) => ({ word: id, description: url }));
    }
    case "jobs":
    case "roles":
    case "tasks":
      return ofJobs(subject, office);
  }
}

async function ofJobs(subject: "jobs" | "roles" | "tasks", office: string | null): Promise<Candidate[]> {
  const { client, officeId } = await openOffice({ ...(office !== null && { office }) });
  const found = new Map<string, Candidate>();
  for await (const { jobs } of jobPages(client, officeId, { limit: CANDIDATES_MAX })) {
    for (const { key, id, status, role, title, task_id: task } of jobs) {
      const candidate = {
        jobs: { word: key ?? id, description: `${status}: ${title}` },
        roles: { word: role, description: "" },
        tasks: { word: task ?? "", description: title },
      }[subject];
      if (candidate.word !== "" && !found.has(candidate.word)) found.set(candidate.word, candidate);
    }
    break;
  }
  return [...found.values()];
}

const named = (word: string): Candidate => ({ word, description: "" });

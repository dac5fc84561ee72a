import type { Command } from "commander";
import type { CancelOptions, ControlOptions } from "../commands/jobControls.ts";
import type { JobsOptions } from "../commands/jobs.ts";
import type { LogsOptions } from "../commands/logs.ts";
import type { ShowOptions } from "../commands/show.ts";
import type { SubmitOptions } from "../commands/submit.ts";
import { aboutOffice, exits, forOffice, gather, io, JOB } from "./options.ts";

const STATES = "by state: pending, ready, processing, done, failed, timeout or cancelled; several with commas";

/** Commands about the jobs of a service. */
export function defineJobs(program: Command): void {
  program.commandsGroup("Jobs of a service:");
  defineSubmit(program);
  defineReading(program);
  defineEnding(program);
  defineChanging(program);
}

function defineSubmit(program: Command): void {
  forOffice(program.command("submit"), "print the API's answer as JSON; with --follow one event a line")
    .description("hand a plan to the service")
    .argument("<plan>", "a plan file, in YAML or JSON")
    .option("-f, --follow", "watch it to its end, and end as `office run` does: 0 all done, 1 not", false)
    .addHelpText("after", "\nThe office is the one that the plan names, or --office; it is created when missing.")
    .action(
      exits(async (plan: string, options: SubmitOptions) => {
        const { submitPlan } = await import("../commands/submit.ts");
        return submitPlan(plan, options, io);
      }),
    );
}

function defineReading(program: Command): void {
  forOffice(program.command("jobs"), "print the jobs as JSON, one a line")
    .description("list jobs, the newest task first")
    .option("-s, --status <states>", STATES, gather)
    .option("-r, --role <role>", "by role")
    .option("-t, --task <task>", "by task: its id, or 6 or more characters of its beginning")
    .option("-a, --all", "list every one, not just the newest 100", false)
    .action(
      exits(async (options: JobsOptions) => {
        const { listJobs } = await import("../commands/jobs.ts");
        return listJobs(options, io);
      }),
    );

  forOffice(program.command("show"))
    .description("show a job: its executions, what it waits for, what waits for it")
    .argument("<job>", JOB)
    .action(
      exits(async (job: string, options: ShowOptions) => {
        const { showJob } = await import("../commands/show.ts");
        return showJob(job, options, io);
      }),
    );

  aboutOffice(program.command("logs"))
    .description("print what a job's session has written")
    .argument("<job>", JOB)
    .option("-f, --follow", "go on as it writes, until it ends; a job that waits is waited for", false)
    .option("--attempt <number>", "of this attempt; without it, of the latest one")
    .option("-n, --tail <lines>", "begin with the last so many lines")
    .action(
      exits(async (job: string, options: LogsOptions) => {
        const { showLogs } = await import("../commands/logs.ts");
        return showLogs(job, options, io);
      }),
    );
}

function defineEnding(program: Command): void {
  forOffice(program.command("cancel"))
    .description("cancel jobs and what depends on them; sessions that run are stopped")
    .argument("[jobs...]", JOB)
    .option("-a, --all", "all that have not ended", false)
    .option("-t, --task <task>", "those of a task")
    .option("-r, --role <role>", "those of a role")
    .option("-s, --status <states>", STATES, gather)
    .option("--reason <text>", "why, for whoever looks later")
    .action(
      exits(async (jobs: string[], options: CancelOptions) => {
        const { cancelJobs } = await import("../commands/jobControls.ts");
        return cancelJobs(jobs, options, io);
      }),
    );

  forOffice(program.command("retry"))
    .description("run jobs that have ended again")
    .argument("<jobs...>", JOB)
    .option("--no-downstream", "leave what their failure had cancelled as it is")
    .action(
      exits(async (jobs: string[], options: ControlOptions & { downstream: boolean }) => {
        const { retryJobs } = await import("../commands/jobControls.ts");
        return retryJobs(jobs, options, io);
      }),
    );
}

function defineChanging(program: Command): void {
  forOffice(program.command("priority"))
    .description("change when a waiting job has its turn")
    .argument("<job>", JOB)
    .argument("<number>", "lower runs first; negative is urgent")
    .action(
      exits(async (job: string, number: string, options: ControlOptions) => {
        const { setPriority } = await import("../commands/jobControls.ts");
        return setPriority(job, number, options, io);
      }),
    );

  forOffice(program.command("timeout"))
    .description("change how long a job's session may run, also while it does")
    .argument("<job>", JOB)
    .argument("<duration>", "from the session's start, such as 90s, 45m or 1h30m")
    .action(
      exits(async (job: string, duration: string, options: ControlOptions) => {
        const { setTimeLimit } = await import("../commands/jobControls.ts");
        return setTimeLimit(job, duration, options, io);
      }),
    );

  forOffice(program.command("assign"))
    .description("hand a job over to another role or agent")
    .argument("<job>", JOB)
    .option("-r, --role <role>", "the role that is to do it")
    .option("--agent <id>", "the agent that is to do it")
    .option("--requeue", "stop its session if it runs, and run it anew", false)
    .action(
      exits(async (job: string, options: ControlOptions & { role?: string; agent?: string; requeue: boolean }) => {
        const { assignJob } = await import("../commands/jobControls.ts");
        return assignJob(job, options, io);
      }),
    );
}

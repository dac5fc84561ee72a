import { Command, CommanderError } from "commander";
import manifest from "../package.json" with { type: "json" };

const DONE = 0;
const UNEXPECTED = 1;
const WRONG_USAGE = 2;

const EXAMPLES = `
Examples:
  office check plan.yaml                  what would run, and in which order
  office run plan.yaml                    run it here, with a database that comes along
  office run plan.yaml --json > log       one JSON event a line, for other programs
  DATABASE_URL=postgres://me@db/office office run plan.yaml

Environment:
  DATABASE_URL      a PostgreSQL (15 or later) of your own; without it, one is started in OFFICE_HOME
  DATABASE_SCHEMA   the schema of the office's tables (public)
  OFFICE_HOME       where database and session output are kept (.office in the current folder)
  MAX_SESSIONS      most sessions at the same time on this machine (no limit but the office's)
  TICK_INTERVAL_MS  how often to look for work that nobody told of; 0 is never (5000)
  SESSION_ENV       names of variables, separated by commas, that sessions get besides PATH, HOME and the like
  LOG_LEVEL         trace, debug, info, warn, error or silent (info)

Exit codes:
  0  all went well
  1  some job did not end done, or something unexpected happened
  2  the plan, the command line or the environment is wrong
  130  interrupted; all sessions were stopped first
`;

const io = { stdout: process.stdout, stderr: process.stderr };

function office(): Command {
  const program = new Command("office")
    .description("Runs an office of AI coding agents: jobs in order of their dependencies, within limits, to the end.")
    .version(manifest.version)
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError("`office --help` explains everything.")
    .addHelpText("after", EXAMPLES);

  program
    .command("run")
    .description("run a plan to its end on this machine")
    .argument("<plan>", "a plan file, in YAML or JSON")
    .option("--json", "print one JSON event a line", false)
    .option("--resume", "go on with the plan's last run where it stopped", false)
    .action(async (plan: string, options: { json: boolean; resume: boolean }) => {
      const { runPlan } = await import("./commands/run.ts");
      process.exitCode = await runPlan(plan, options, io);
    });

  program
    .command("check")
    .description("validate a plan, and show its groups in order and its critical path")
    .argument("<plan>", "a plan file, in YAML or JSON")
    .action(async (plan: string) => {
      const { checkPlan } = await import("./commands/check.ts");
      process.exitCode = await checkPlan(plan, io);
    });

  program
    .command("migrate")
    .description("bring the database's schema up to date")
    .action(async () => {
      const { migrateDatabase } = await import("./commands/migrate.ts");
      process.exitCode = await migrateDatabase(io);
    });

  return program;
}

/** Says in a line what went wrong. Commander has already said what was wrong about the command line. */
async function fail(error: unknown): Promise<void> {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === DONE ? DONE : WRONG_USAGE;
    return;
  }
  process.exitCode = error instanceof Error && error.name === "ConfigError" ? WRONG_USAGE : UNEXPECTED;
  // Not loaded before it is needed: `office --help` should be fast.
  const { describeError } = await import("./describeError.ts");
  process.stderr.write(`office: ${describeError(error)}\n`);
}

// Who reads our output may stop doing so at any time (`office check plan.yaml | head`). That is no error of ours. That it
// cannot be written, to a full disk say, is one; but no reason to leave running sessions alone.
let lost: Error | null = null;
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || lost !== null) return;
    lost = error;
    process.stderr.write(`office: the output cannot be written: ${error.message}\n`);
  });
}
process.on("exit", () => {
  if (lost !== null) process.exitCode ||= UNEXPECTED;
});

process.on("uncaughtException", (error) => void fail(error).finally(() => process.exit()));

// What went wrong may have left something open (a connection to a database whose disk is full), which nobody closes now.
await office()
  .parseAsync()
  .catch((error: unknown) => fail(error).finally(() => process.exit()));

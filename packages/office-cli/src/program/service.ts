import { type Command, InvalidArgumentError } from "commander";
import { exits, io } from "./options.ts";

const WORKERS_MAX = 64;
const PORT_MAX = 65_535;

const WORKER_SIGNALS = `
Signals:
  TERM, INT, HUP  hand over: sessions go on, and the next worker of this machine takes them
  USR2            drain: start nothing more, and end with the last session
  QUIT            stop the sessions, and end
`;

/** Commands that are a service, or a part of one. */
export function defineService(program: Command): void {
  program.commandsGroup("Be a service:");

  program
    .command("up")
    .description("start a whole service on this machine, and stop it on Ctrl-C")
    .option("--allow-run", "let plans with `run`, a shell line, be submitted (ALLOW_RUN=1)", false)
    .option("--workers <number>", "how many workers to start", wholeNumber(0, WORKERS_MAX), 1)
    .option("--port <number>", "where the API listens (PORT)", wholeNumber(0, PORT_MAX))
    .action(
      exits(async (options: { allowRun: boolean; workers: number; port?: number }) => {
        const { up } = await import("../commands/up.ts");
        return up(options, io);
      }),
    );

  program
    .command("api")
    .description("be the API alone, in the foreground")
    .action(async () => {
      const { runApi } = await import("office-server/api/runApi.ts");
      runApi();
    });

  program
    .command("worker")
    .description("be a worker alone, in the foreground")
    .addHelpText("after", WORKER_SIGNALS)
    .action(async () => {
      const { runWorker } = await import("office-server/workers/runWorker.ts");
      runWorker();
    });

  program
    .command("migrate")
    .description("bring the database's schema up to date")
    .action(
      exits(async () => {
        const { migrateDatabase } = await import("../commands/migrate.ts");
        return migrateDatabase(io);
      }),
    );
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

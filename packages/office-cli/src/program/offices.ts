import type { Command } from "commander";
import type { OfficeState } from "office-contract/vocabulary.ts";
import type { EventsOptions } from "../commands/events.ts";
import type { OfficeOptions } from "../commands/offices.ts";
import { exits, forOffice, io, withJson } from "./options.ts";

/** Commands about the offices of a service. */
export function defineOffices(program: Command): void {
  program.commandsGroup("Offices of a service:");
  defineReading(program);

  withJson(program.command("offices"), "print the offices as JSON, one a line")
    .description("list the offices that the key opens")
    .action(
      exits(async (options: OfficeOptions) => {
        const { showOffices } = await import("../commands/offices.ts");
        return showOffices(options, io);
      }),
    );

  defineState(program, "pause", "paused", "start nothing new in an office; what runs goes on to its end");
  defineState(program, "resume", "active", "take up a paused or archived office again");
  defineState(program, "archive", "archived", "put an office out of use, and cancel what has not ended in it");

  forOffice(program.command("process"))
    .description("run one scheduling pass now")
    .action(
      exits(async (options: OfficeOptions) => {
        const { processOffice } = await import("../commands/offices.ts");
        return processOffice(options, io);
      }),
    );
}

function defineReading(program: Command): void {
  forOffice(program.command("stats"))
    .description("count an office's jobs by state, and more")
    .action(
      exits(async (options: OfficeOptions) => {
        const { showStats } = await import("../commands/offices.ts");
        return showStats(options, io);
      }),
    );

  forOffice(program.command("events"), "print the events as JSON, one a line")
    .description("print an office's newest events, or follow them")
    .option(
      "-f, --follow",
      "go on as they come, until Ctrl-C; through broken connections, none missed, none twice",
      false,
    )
    .option("--after <number>", "those after this one, all that are kept")
    .action(
      exits(async (options: EventsOptions) => {
        const { showEvents } = await import("../commands/events.ts");
        return showEvents(options, io);
      }),
    );

  forOffice(program.command("config"))
    .description("show an office's settings, or change some")
    .argument("[settings...]", "KEY=VALUE, or KEY.ROLE=VALUE for one role; KEY.ROLE= takes it away")
    .addHelpText(
      "after",
      `
Examples:
  office config maxConcurrentJobs=5 maxConcurrentByRole.BE=2
  office config defaultTimeout=45m timeoutByRole='{"QA":"1h30m"}' retryBackoff=linear`,
    )
    .action(
      exits(async (settings: string[], options: OfficeOptions) => {
        const { showConfig } = await import("../commands/config.ts");
        return showConfig(settings, options, io);
      }),
    );
}

function defineState(program: Command, name: string, state: OfficeState, description: string): void {
  withJson(program.command(name))
    .description(description)
    .argument("<office>", "the office, by its name or id")
    .action(
      exits(async (office: string, options: OfficeOptions) => {
        const { setOfficeState } = await import("../commands/offices.ts");
        return setOfficeState(office, state, options, io);
      }),
    );
}

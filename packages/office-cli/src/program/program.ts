import { type Argument, Command, Help, type Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { defineAccess } from "./access.ts";
import { defineHere } from "./here.ts";
import { HELP } from "./help.ts";
import { defineJobs } from "./jobs.ts";
import { defineOffices } from "./offices.ts";
import { defineService } from "./service.ts";
import { defineShell } from "./shell.ts";

/** Every command of `office`. What carries one out is loaded when it is called, so that `office --help` is fast. */
export function officeProgram(): Command {
  const program = new Command("office")
    .description("Runs an office of AI coding agents: jobs in order of their dependencies, within limits, to the end.")
    .version(manifest.version)
    .configureHelp({ subcommandTerm: termOf, optionDescription })
    .exitOverride()
    .showHelpAfterError("`office --help` explains everything.")
    .addHelpText("after", HELP);
  for (const define of [defineHere, defineService, defineJobs, defineOffices, defineAccess, defineShell]) {
    define(program);
  }
  return program;
}

/** A command as the list of all names it: that each takes options need not be said twenty times. */
const termOf = (command: Command): string =>
  [command.name(), ...command.registeredArguments.map(argumentTerm)].join(" ");

/** That a flag which is not given is not given goes without saying. */
function optionDescription(this: Help, option: Option): string {
  return option.defaultValue === false ? option.description : Help.prototype.optionDescription.call(this, option);
}

const argumentTerm = (argument: Argument): string => {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
};

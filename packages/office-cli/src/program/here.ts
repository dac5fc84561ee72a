import type { Command } from "commander";
import { exits, io } from "./options.ts";

/** Commands that need no service. */
export function defineHere(program: Command): void {
  program.commandsGroup("Run a plan here:");

  program
    .command("run")
    .description("run a plan to its end on this machine")
    .argument("<plan>", "a plan file, in YAML or JSON")
    .option("--json", "print one JSON event a line", false)
    .option("--resume", "go on with the plan's last run where it stopped", false)
    .action(
      exits(async (plan: string, options: { json: boolean; resume: boolean }) => {
        const { runPlan } = await import("../commands/run.ts");
        return runPlan(plan, options, io);
      }),
    );

  program
    .command("check")
    .description("validate a plan, and show its groups in order and its critical path")
    .argument("<plan>", "a plan file, in YAML or JSON")
    .action(
      exits(async (plan: string) => {
        const { checkPlan } = await import("../commands/check.ts");
        return checkPlan(plan, io);
      }),
    );
}

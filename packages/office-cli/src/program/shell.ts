import type { Command } from "commander";
import { exits, io } from "./options.ts";

/** Commands that make typing easier. */
export function defineShell(program: Command): void {
  program.commandsGroup("Help:").helpCommand("help [command]", "explain a command, or all of this");
  const shells = { bash: "~/.bashrc", zsh: "~/.zshrc", fish: "~/.config/fish/config.fish" };

  program
    .command("completion")
    .description("print what makes a shell complete commands, options and jobs")
    .argument("<shell>", "bash, zsh or fish")
    .addHelpText(
      "after",
      `
Put this line into the shell's own file:
  ${shells.bash}      eval "$(office completion bash)"
  ${shells.zsh}       eval "$(office completion zsh)"
  ${shells.fish}
                 office completion fish | source`,
    )
    .action(
      exits(async (shell: string) => {
        const { printCompletion } = await import("../commands/completion.ts");
        return printCompletion(shell, io);
      }),
    );

  // What the shell asks when Tab is pressed. The words are not to be read as options of this command.
  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .helpOption(false)
    .action(
      exits(async (words: string[]) => {
        const { printCandidates } = await import("../commands/completion.ts");
        return printCandidates(program, words, io);
      }),
    );
}

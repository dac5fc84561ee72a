import type { Command } from "commander";
import type { KeysOptions } from "../commands/keys.ts";
import type { WebhookOptions } from "../commands/webhooks.ts";
import { exits, forOffice, io, withJson } from "./options.ts";

/** Commands about who may use a service, and whom it tells. */
export function defineAccess(program: Command): void {
  program.commandsGroup("Who may use a service, and whom it tells:");
  defineKeys(program);
  defineWebhooks(program);
}

function defineKeys(program: Command): void {
  const keys = withJson(program.command("keys"), "print the keys as JSON, one a line")
    .description("list, create and revoke the keys of the API")
    .helpCommand(false)
    .action(
      exits(async (options: KeysOptions) => {
        const { showKeys } = await import("../commands/keys.ts");
        return showKeys(options, io);
      }),
    );

  forOffice(keys.command("create"))
    .description("make a key for one office, or for all, and print it")
    .argument("<name>", "who or what it is for")
    .option("--read", "let it read, and change nothing", false)
    .action(
      exits(async (name: string, _options: unknown, command: Command) => {
        const { createKey } = await import("../commands/keys.ts");
        return createKey(name, command.optsWithGlobals(), io);
      }),
    );

  withJson(keys.command("revoke"))
    .description("revoke a key")
    .argument("<key>", "its name, its id, or 6 or more characters of the beginning of its id")
    .action(
      exits(async (key: string, _options: unknown, command: Command) => {
        const { revokeKey } = await import("../commands/keys.ts");
        return revokeKey(key, command.optsWithGlobals(), io);
      }),
    );
}

function defineWebhooks(program: Command): void {
  const webhooks = forOffice(program.command("webhooks"), "print the webhooks as JSON, one a line")
    .description("list, add and remove the addresses that are told of an office's events")
    .helpCommand(false)
    .action(
      exits(async (options: WebhookOptions) => {
        const { showWebhooks } = await import("../commands/webhooks.ts");
        return showWebhooks(options, io);
      }),
    );

  forOffice(webhooks.command("add"))
    .description("have an address told of events, and print the secret that signs them")
    .argument("<url>", "an http or https address")
    .option("--events <types>", "only of these types of events, separated by commas")
    .option("--execution-tokens", "tell it the prompt and the token of each external session that starts", false)
    .action(
      exits(async (url: string, _options: unknown, command: Command) => {
        const { addWebhook } = await import("../commands/webhooks.ts");
        return addWebhook(url, command.optsWithGlobals(), io);
      }),
    );

  const changes: [string, string, "remove" | "enable" | "disable"][] = [
    ["remove", "remove a webhook", "remove"],
    ["enable", "go on with a webhook where it stopped, at once", "enable"],
    ["disable", "stop telling a webhook; what happens meanwhile is kept for it", "disable"],
  ];
  for (const [name, description, change] of changes) {
    forOffice(webhooks.command(name))
      .description(description)
      .argument("<webhook>", "its address, its id, or 6 or more characters of the beginning of its id")
      .action(
        exits(async (webhook: string, _options: unknown, command: Command) => {
          const options = command.optsWithGlobals<WebhookOptions>();
          const { removeWebhook, switchWebhook } = await import("../commands/webhooks.ts");
          if (change === "remove") return removeWebhook(webhook, options, io);
          return switchWebhook(webhook, change === "enable", options, io);
        }),
      );
  }
}

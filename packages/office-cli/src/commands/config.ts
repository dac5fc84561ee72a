import { openOffice } from "../api/findOffice.ts";
import { bold, dim } from "../line.ts";
import { type Output, writeJson, writeWhole } from "../output.ts";
import { readSettings, settingWords } from "../settings.ts";

/** `office config [KEY=VALUE...]`: shows an office's settings, or changes some of them first. Returns the exit code. */
export async function showConfig(
  words: readonly string[],
  options: { office?: string; json: boolean },
  { stdout }: Output,
): Promise<number> {
  const { client, officeId } = await openOffice(options);
  const params = { officeId };
  let config = await client.call("getConfig", { params });
  if (words.length > 0) config = await client.call("patchConfig", { params, body: readSettings(words, config) });
  if (options.json) writeJson(stdout, config);
  else
    writeWhole(
      stdout,
      settingWords(config).map(([name, value]) => [bold(name), dim("="), value]),
    );
  return 0;
}

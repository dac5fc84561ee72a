import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfigError, withoutPasswords } from "./config.ts";

/** What the environment says to a program that talks to a running API. */
export interface ClientConfig {
  /** Of the API, without `/api` and without a slash at its end. */
  url: string;
  /** Empty where none was found. */
  token: string;
  /** Where the token is from, or where it was looked for, in words that follow "the key". */
  tokenOrigin: string;
  /** The office that is meant where none is named: its name or its id. */
  office: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PORT_DEFAULT = 3_001;

/** Where the first key of an office home is kept, for its owner alone. */
export const tokenFileOf = (officeHome: string): string => join(officeHome, "token");

/**
 * Reads what the environment says about the API: OFFICE_URL, OFFICE_TOKEN or the token's file in OFFICE_HOME, OFFICE.
 *
 * @throws ConfigError when one of them cannot be right
 */
export function readClientConfig(environment: Environment = process.env): ClientConfig {
  const { OFFICE_URL, OFFICE_HOME, OFFICE_TOKEN, OFFICE, PORT } = environment;
  return {
    url: readUrl(OFFICE_URL || `http://127.0.0.1:${PORT || PORT_DEFAULT}`),
    ...readToken(OFFICE_TOKEN, tokenFileOf(resolve(OFFICE_HOME || ".office"))),
    office: OFFICE || null,
  };
}

/** What the user has typed to start this program, for messages that say what to type next. */
export const commandName = (environment: Environment = process.env): string =>
  environment["OFFICE_COMMAND"] || "office";

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new ConfigError(
      withoutPasswords(`OFFICE_URL is "${text}"; it must be an address like http://127.0.0.1:3001, without a password`),
    );
  }
  return (url.origin + url.pathname).replace(/\/+$/, "").replace(/\/api$/, "");
}

function readToken(given: string | undefined, file: string): Pick<ClientConfig, "token" | "tokenOrigin"> {
  if (given !== undefined && given.trim() !== "") {
    return { token: checkedToken(given.trim(), "OFFICE_TOKEN"), tokenOrigin: "in OFFICE_TOKEN" };
  }
  try {
    return { token: checkedToken(readFileSync(file, "utf8").trim(), file), tokenOrigin: `in ${file}` };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason = (error as NodeJS.ErrnoException).code === "EACCES" ? "may not be read" : "is not there";
    return { token: "", tokenOrigin: `(OFFICE_TOKEN is not set, and ${file} ${reason})` };
  }
}

/** It becomes a part of a header, which takes no other characters. */
function checkedToken(token: string, where: string): string {
  if (/^[\x21-\x7e]{1,1000}$/.test(token)) return token;
  throw new ConfigError(`${where} holds something that is no key; a key looks like ofk_ and 43 letters and digits`);
}

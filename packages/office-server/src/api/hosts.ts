import type { RequestHandler } from "express";
import { Refusal } from "../domain/refusal.ts";
import type { Config } from "../platform/config.ts";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Lets through only requests that were meant for this API: a page elsewhere whose name was made to lead here (DNS
 * rebinding) names another host, and a page's script says from where it comes.
 */
export function checkHost(config: Pick<Config, "host" | "publicUrl" | "allowedHosts">): RequestHandler {
  const allowed = new Set([
    ...LOOPBACK,
    hostOf(config.publicUrl),
    ...[config.host, ...config.allowedHosts].map(hostOfName),
  ]);
  const isAllowed = (address: string): boolean => allowed.has(hostOf(address) ?? "");
  return ({ headers: { host = "", origin } }, _response, next) => {
    if (!HOST.test(host) || !isAllowed(`http://${host}`)) {
      throw new Refusal(
        "host_not_allowed",
        `Host is ${JSON.stringify(host.slice(0, 200))}; name others in ALLOWED_HOSTS`,
      );
    }
    if (origin !== undefined && !isAllowed(origin)) {
      throw new Refusal(
        "host_not_allowed",
        `Origin is ${JSON.stringify(origin.slice(0, 200))}, which may not call this API`,
      );
    }
    next();
  };
}

/** A name or an address, and a port: nothing that would make another host of it in an address. */
const HOST = /^(\[[\da-f:.]+\]|[^\s:/?#@\\[\]]+)(:\d*)?$/i;

/** `name`, `name:port`, or an IPv6 address with brackets or without. */
const hostOfName = (name: string): string | undefined => hostOf(`http://${name}`) ?? hostOf(`http://[${name}]`);

const hostOf = (address: string): string | undefined =>
  URL.canParse(address) ? new URL(address).hostname.toLowerCase() : undefined;

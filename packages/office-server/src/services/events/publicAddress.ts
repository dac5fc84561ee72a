import ipaddr from "ipaddr.js";

/** What is routed in the whole internet; all other IPv6 addresses are for something else. */
const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3");
/** IPv4 addresses as networks without IPv4 reach them, through a translator (RFC 6052). */
const NAT64 = ipaddr.parseCIDR("64:ff9b::/96");
const NAT64_BYTES = 12;
/** Public by its number, and yet a service of the machine's own cloud. */
const CLOUD_SERVICES: ReadonlySet<string> = new Set(["168.63.129.16"]);

/**
 * Whether an IP address is one of the public internet: not of this machine, of a network of its own, of a link, of a cloud's
 * own services, nor one that leads to such an address in another way.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.kind() === "ipv4") return address.range() === "unicast" && !CLOUD_SERVICES.has(address.toString());
  if (address.match(NAT64)) {
    return isPublicAddress(ipaddr.fromByteArray(address.toByteArray().slice(NAT64_BYTES)).toString());
  }
  return address.range() === "unicast" && address.match(GLOBAL_UNICAST);
}

/** The IP address that an address of the web names by itself, without a name to look up; null where it names a host. */
export function literalAddress(url: string): string | null {
  const host = new URL(url).hostname.replaceAll(/^\[|\]$/g, "");
  return ipaddr.isValid(host) ? host : null;
}

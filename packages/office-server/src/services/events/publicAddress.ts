import ipaddr from "ipaddr.js";

/** An IPv4 address within an IPv6 one, by which it may be reached through a translator (RFC 6052). */
const NAT64_BYTES = 12;

/**
 * Whether an IP address is one of the public internet: not of this machine, of a network of its own, of a link, of a cloud's
 * own services, nor one that leads to such an address in another way.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() === "rfc6052") {
    return isPublicAddress(ipaddr.fromByteArray(address.toByteArray().slice(NAT64_BYTES)).toString());
  }
  return address.range() === "unicast";
}

/** The IP address that an address of the web names by itself, without a name to look up; null where it names a host. */
export function literalAddress(url: string): string | null {
  const host = new URL(url).hostname.replaceAll(/^\[|\]$/g, "");
  return ipaddr.isValid(host) ? host : null;
}

/** The result of ADD in the runtime's version (specification, section 5). Pure. */
import type { Interface } from './interface.ts';
import { gatewayFor, hostAddress, ROUTER_MAC, routesOf } from './link-text.ts';

/** Interfaces (host end, then pod end, of each), addresses, routes and DNS, as version `cniVersion` spells them. */
export function addResult(
  interfaces: readonly Interface[],
  request: { readonly cniVersion: string; readonly netns: string },
): Readonly<Record<string, unknown>> {
  const dns = interfaces.find((port) => port.dns.length > 0)?.dns ?? [];
  return {
    cniVersion: request.cniVersion,
    interfaces: interfaces.flatMap((port) => [
      { name: port.tap, mac: ROUTER_MAC },
      { name: port.name, mac: port.mac, sandbox: request.netns },
    ]),
    ips: interfaces.flatMap((port, index) =>
      port.addresses.map((cidr) => ({
        ...versionField(cidr, request.cniVersion),
        address: hostAddress(cidr),
        gateway: gatewayFor(cidr),
        interface: 2 * index + 1,
      })),
    ),
    routes: interfaces.flatMap(routesOf),
    dns: dns.length === 0 ? {} : { nameservers: dns },
  };
}

/** Before 1.0.0 an address named its IP version. */
function versionField(cidr: string, cniVersion: string): { readonly version?: string } {
  return cniVersion < '1.0.0' ? { version: cidr.includes(':') ? '6' : '4' } : {};
}

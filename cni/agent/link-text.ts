/** A pod's interface as `ip` commands (design 6, "A pod's interface"). Pure. */
import { withoutLength } from '../../runtime/cidr.ts';
import type { Interface } from './interface.ts';

/** The router's MAC address: of every host end, and of the gateway that every pod sees. */
export const ROUTER_MAC = '02:00:5e:00:01:01';
const GATEWAY_V4 = '169.254.1.1';
const GATEWAY_V6 = 'fe80::1';
/** In the pod's own namespace, where nobody else has tables. */
const ANSWER_TABLE = 100;

/** The pair of interfaces, made on the host; its pod end appears in the pod's namespace under its final name. */
export function hostLines(port: Interface, netns: string): readonly string[] {
  const mtu = `mtu ${port.mtu}`;
  return [
    `link add name ${port.tap} ${mtu} address ${ROUTER_MAC} up type veth peer name ${port.name} ${mtu} address ${port.mac} netns ${netns}`,
  ];
}

/** Addresses, routes and the gateway's neighbour entry, inside the pod's namespace. */
export function podLines(ports: readonly Interface[]): readonly string[] {
  return ['link set dev lo up', ...ports.flatMap(linesOf), ...ports.slice(0, 1).flatMap(answerLines)];
}

/** The gateway of an address's family. */
export function gatewayFor(address: string): string {
  return isV6(address) ? GATEWAY_V6 : GATEWAY_V4;
}

/** An address with the length it has in the pod: a host's own, whatever its subnet. */
export function hostAddress(cidr: string): string {
  const address = withoutLength(cidr);
  return `${address}/${isV6(address) ? 128 : 32}`;
}

/** The routes of an interface: everything where it holds the default route, else its own subnets. */
export function routesOf(port: Interface): readonly { readonly dst: string; readonly gw: string }[] {
  const further = port.routes.filter((dst) => port.addresses.some((cidr) => isV6(cidr) === isV6(dst)));
  return [
    ...port.addresses.map((cidr) => ({ dst: destination(port, cidr), gw: gatewayFor(cidr) })),
    ...further.map((dst) => ({ dst, gw: gatewayFor(dst) })),
  ];
}

function destination(port: Interface, cidr: string): string {
  if (port.hasDefaultRoute) return isV6(cidr) ? '::/0' : '0.0.0.0/0';
  return networkOf(cidr);
}

function linesOf(port: Interface): readonly string[] {
  const gateways = [...new Set(port.addresses.map(gatewayFor))];
  return [
    ...port.addresses.map((cidr) => `address add ${hostAddress(cidr)} dev ${port.name}${isV6(cidr) ? ' nodad' : ''}`),
    `link set dev ${port.name} up`,
    ...gateways.map((gateway) => `neigh replace ${gateway} lladdr ${ROUTER_MAC} dev ${port.name} nud permanent`),
    ...routesOf(port).map(({ dst, gw }) => `route replace ${dst} via ${gw} dev ${port.name} onlink`),
  ];
}

/**
 * Where the default route is another interface's, what comes in at the first still goes out there: its node's probes, and peers
 * that no route names.
 */
function answerLines({ hasDefaultRoute, addresses, name }: Interface): readonly string[] {
  if (hasDefaultRoute) return [];
  return addresses.flatMap((cidr) => [
    `route replace default via ${gatewayFor(cidr)} dev ${name} onlink table ${ANSWER_TABLE}`,
    ...(isV6(cidr) ? [] : [answerRule(cidr)]),
  ]);
}

function answerRule(cidr: string): string {
  return `rule add from ${hostAddress(cidr)} lookup ${ANSWER_TABLE}`;
}

/** What a batch has no word for: rules of IPv6, as arguments of one `ip` each. */
export function podCommandsV6(ports: readonly Interface[]): readonly (readonly string[])[] {
  const first = ports.filter(({ hasDefaultRoute }, index) => index === 0 && !hasDefaultRoute);
  return first.flatMap(({ addresses }) => addresses.filter(isV6).map((cidr) => ['-6', ...answerRule(cidr).split(' ')]));
}

/** The network of an address in CIDR form; IPv6 networks are left to the kernel, which masks them itself. */
function networkOf(cidr: string): string {
  const [address = '', length = '32'] = cidr.split('/');
  if (isV6(address)) return cidr;
  const bits = Number(length);
  const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const network = value - (value % 2 ** (32 - bits));
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256);
  return `${octets.join('.')}/${bits}`;
}

function isV6(address: string): boolean {
  return address.includes(':');
}

/** The bodies of the port API's answers, with the field names that Contrail's plugin decodes (facts 6.6). Pure. */
import { cidrList } from '../../runtime/cidr.ts';
import { GATEWAY } from '../linux/names.ts';
import type { ForwardingState } from '../model.ts';
import type { Port } from '../model/networks.ts';
import type { Binding } from './binding.ts';

/** No VLAN. */
const NO_VLAN = 65_535;

/** What stands of a port. */
interface Standing {
  readonly binding: Binding;
  readonly state: ForwardingState;
  /** The revision of the configuration that stands, its policy with it. */
  readonly revision: number | undefined;
}

/** One item of `GET /vm`: a programmed port. */
export function portAnswer(port: Port, { binding, state, revision }: Standing): Record<string, unknown> {
  const v4 = port.addresses.find((address) => !address.includes(':'));
  const v6 = port.addresses.find((address) => address.includes(':'));
  return {
    id: port.vmi,
    'instance-id': port.vm,
    'vn-id': port.networkUuid,
    'vm-project-id': port.project,
    'mac-address': port.mac,
    'system-name': binding['host-ifname'],
    'rx-vlan-id': NO_VLAN,
    'tx-vlan-id': NO_VLAN,
    'vhostuser-mode': 0,
    ...(v4 === undefined
      ? {}
      : { 'ip-address': v4, plen: lengthOf(v4, port, state), 'dns-server': '', gateway: GATEWAY }),
    ...(v6 === undefined ? {} : { 'v6-ip-address': v6, 'v6-dns-server': '', 'v6-gateway': 'fe80::1' }),
    author: binding.author ?? '',
    time: binding.time ?? '',
    ...(revision === undefined ? {} : { 'observed-policy-revision': revision }),
  };
}

/** One item of `GET /vm-cfg`: a configured port, bound or not. */
export function configurationAnswer(port: Port): Record<string, unknown> {
  return {
    id: port.vmi,
    'vm-uuid': port.vm,
    'vn-id': port.networkUuid,
    'vn-name': port.networkName,
    'mac-address': port.mac,
    'sub-interface': false,
    'vlan-id': NO_VLAN,
    ...(port.annotations.length === 0
      ? {}
      : { annotations: port.annotations.map(([key, value]) => `{${key}:${value}}`) }),
  };
}

/** An address that the kernel sends to a pod's host interface, and the MAC it sends it to. */
export interface KernelRoute {
  readonly address: string;
  readonly device: string;
  readonly mac: string;
}

/**
 * Items of `GET /introspect/ports`: what is held on this node, by the kernel, and by a bound port that has nothing there. A
 * route without a port names its device alone.
 */
export function holdings(
  kernel: readonly KernelRoute[],
  bound: readonly Binding[],
): readonly Record<string, unknown>[] {
  const devices = [...new Set([...bound.map((binding) => binding['host-ifname']), ...kernel.map((r) => r.device)])];
  return devices.map((device) => {
    const binding = bound.find((candidate) => candidate['host-ifname'] === device);
    const routes = kernel.filter((route) => route.device === device);
    return {
      device,
      addresses: routes.map(({ address }) => address),
      mac: routes[0]?.mac ?? '',
      ...(binding === undefined
        ? {}
        : { vmi: binding['vmi-uuid'], vm: binding['vm-uuid'], 'vm-name': binding['vm-name'] }),
    };
  });
}

function lengthOf(address: string, port: Port, state: ForwardingState): number {
  const subnets = state.networks.find(({ id }) => id === port.network)?.subnets ?? [];
  const subnet = subnets.find((cidr) => cidrList([cidr])(address));
  return Number(subnet?.split('/')[1] ?? 32);
}

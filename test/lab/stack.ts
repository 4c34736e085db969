/** The families of addresses that a lab has: what its cluster and the chart are told in each case. Pure. */
import { address6Of, addressOf } from './names.ts';

/** `ipv4` and `dual` stand on machines of both families; `ipv6` on machines that have IPv6 alone. Decided when the lab begins. */
export type Stack = 'ipv4' | 'dual' | 'ipv6';

/** Each list has the cluster's first family first. */
interface StackAddresses {
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  /** The ClusterIPs of the Services `kubernetes` and `kube-dns`. */
  readonly apiService: string;
  readonly dns: string;
}

const V4 = {
  podCidrs: ['10.32.0.0/12'],
  serviceCidrs: ['10.96.0.0/12'],
  apiService: '10.96.0.1',
  dns: '10.96.0.10',
};
const V6 = {
  podCidrs: ['fd00:32::/64'],
  serviceCidrs: ['fd00:96::/112'],
  apiService: 'fd00:96::1',
  dns: 'fd00:96::a',
};

const STACKS: Readonly<Record<Stack, StackAddresses>> = {
  ipv4: V4,
  dual: {
    ...V4,
    podCidrs: [...V4.podCidrs, ...V6.podCidrs],
    serviceCidrs: [...V4.serviceCidrs, ...V6.serviceCidrs],
  },
  ipv6: V6,
};

export function addressesOf(stack: Stack): StackAddresses {
  return STACKS[stack];
}

/** Every address by which somebody may call the API server, whatever the stack. */
export const API_ADDRESSES: readonly string[] = [
  '127.0.0.1',
  ...[V4, V6].map(({ apiService }) => apiService),
  addressOf('cp'),
  address6Of('cp'),
];

/** The first underlay address of a machine (`cp`, `out` or a node) in the stack's order. */
export function underlayAddress(machine: string, stack: Stack): string {
  return stack === 'ipv6' ? address6Of(machine) : addressOf(machine);
}

/** `host:port` of the API server, at an address that needs no Service. */
export function apiServer(stack: Stack): string {
  return stack === 'ipv6' ? `[${address6Of('cp')}]:6443` : `${addressOf('cp')}:6443`;
}

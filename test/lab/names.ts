/** Names and addresses of a lab's machines. Two checkouts on one machine have labs that do not meet. */
import { createHash } from 'node:crypto';
import { checkout } from './paths.ts';

/** Four hex digits of the checkout's path: the part of every name that another checkout's lab does not share. */
export const labId = createHash('sha256').update(checkout).digest('hex').slice(0, 4);

/** Network namespaces and control groups of this lab start so; `down` removes whatever does. */
export const labPrefix = `oclab-${labId}-`;

/** The underlay: one segment, in which the control plane's machine holds the bridge and is the router. */
export const underlay = {
  prefix: '172.30.0.',
  prefixLength: 24,
  controlPlane: '172.30.0.1',
  outside: '172.30.0.200',
  /** Machines have these IPv6 addresses too, or alone; a cluster of IPv4 takes no notice. */
  prefix6: 'fd00:30::',
};

/** The domain of the cluster's names. */
export const dnsDomain = 'cluster.local';

/** `n1`, `n2`, …: Kubernetes' names of the nodes, and the lab's. */
export function nodeNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `n${index + 1}`);
}

/**
 * The control plane's machine as a node of the cluster, where a lab has it: a kubelet, and so the product, in the network of `cp`. The
 * API server reaches pods and Services from there; a taint keeps ordinary pods away.
 */
export const controlNode = 'control';

/** The underlay address of a machine: `cp`, `out` (a client outside the cluster) or a node. */
export function addressOf(machine: string): string {
  if (machine === 'cp' || machine === controlNode) return underlay.controlPlane;
  if (machine === 'out') return underlay.outside;
  return `${underlay.prefix}${10 + Number(machine.slice(1))}`;
}

/** The IPv6 address of a machine: the last number is that of its IPv4 address. */
export function address6Of(machine: string): string {
  return `${underlay.prefix6}${addressOf(machine).split('.').at(-1)}`;
}

/** The network namespace of a machine, as in `ip netns`. */
export function netnsOf(machine: string): string {
  return `${labPrefix}${machine}`;
}

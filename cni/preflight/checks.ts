/** From what a node is like to what would make the product fail on it. Pure. */
import { BlockList, isIPv6 } from 'node:net';
import { withoutLength } from '../../runtime/cidr.ts';
import { CONFLIST_NAME } from '../agent/conflist.ts';
import type { NodeFacts } from './facts.ts';
import type { HostPort } from './ports.ts';

/** What is wrong, by the name under which `preflight.ignore` lets it pass; the text says the mend. */
export interface Problem {
  readonly check: 'kernel' | 'mtu' | 'cidrs' | 'otherCni' | 'kubeProxy' | 'hostPorts' | 'unreachableNode';
  readonly text: string;
}

/** What the chart was told. */
export interface Plan {
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  /** Bytes; 0: the underlay's less the tunnel's. */
  readonly podMtu: number;
}

/** IPv6 asks for it (RFC 8200, section 5), and pods are to have IPv6. */
const SMALLEST_POD_MTU = 1280;

export function problemsOf(facts: NodeFacts, plan: Plan): readonly Problem[] {
  return [
    ...facts.kernelProblems.map((text): Problem => ({ check: 'kernel', text: `the kernel cannot do ${text}` })),
    ...mtuProblems(facts, plan),
    ...cidrProblems(facts, plan),
    ...cniProblems(facts),
    ...facts.takenPorts.map(portProblem),
    ...facts.kubeProxySigns.map(
      (sign): Problem => ({
        check: 'kubeProxy',
        text: `kube-proxy runs or ran here: ${sign}. Delete its DaemonSet and run "kube-proxy --cleanup": Services are ours`,
      }),
    ),
  ];
}

function mtuProblems({ underlayMtu, tunnelBytes }: NodeFacts, { podMtu }: Plan): readonly Problem[] {
  if (underlayMtu === undefined) return [{ check: 'mtu', text: "no network device holds the node's InternalIP" }];
  const room = underlayMtu - tunnelBytes;
  if (room < SMALLEST_POD_MTU) {
    const text = `the underlay's MTU of ${underlayMtu} leaves pods ${room}, less than ${SMALLEST_POD_MTU}; raise it to ${SMALLEST_POD_MTU + tunnelBytes} or more`;
    return [{ check: 'mtu', text }];
  }
  if (podMtu <= room) return [];
  return [
    {
      check: 'mtu',
      text: `podMtu is ${podMtu}, but the underlay's MTU of ${underlayMtu} leaves ${room}; lower podMtu or set it to 0`,
    },
  ];
}

function cidrProblems({ networks }: NodeFacts, plan: Plan): readonly Problem[] {
  const ours = [
    ...plan.podCidrs.map((cidr) => ({ cidr, name: 'cluster.podCidrs' })),
    ...plan.serviceCidrs.map((cidr) => ({ cidr, name: 'cluster.serviceCidrs' })),
  ];
  const withNode = ours.flatMap(({ cidr, name }) =>
    networks
      .filter((network) => overlaps(cidr, network.cidr))
      .map(
        (network): Problem => ({
          check: 'cidrs',
          text: `${name} ${cidr} overlaps ${network.cidr}, ${network.from}; choose another`,
        }),
      ),
  );
  const among = ours.flatMap((one, index) =>
    ours
      .slice(index + 1)
      .filter(({ cidr }) => overlaps(one.cidr, cidr))
      .map(
        ({ cidr, name }): Problem => ({
          check: 'cidrs',
          text: `${one.name} ${one.cidr} overlaps ${name} ${cidr}; choose another`,
        }),
      ),
  );
  return [...among, ...withNode];
}

/** The loopback's own configuration is everywhere and does no harm. */
function cniProblems({ cniFiles }: NodeFacts): readonly Problem[] {
  const others = cniFiles.filter((name) => name !== CONFLIST_NAME && !/loopback/.test(name));
  return others.map((name) => {
    const first =
      name < CONFLIST_NAME ? 'the runtime would use it instead of ours' : 'another network may be at work here';
    return {
      check: 'otherCni',
      text: `there is another CNI configuration, ${name}: ${first}. Remove that network first`,
    };
  });
}

function portProblem({ port, protocol, purpose, value }: HostPort): Problem {
  const mend = value === undefined ? 'Stop what holds it' : `Stop what holds it, or set ${value} to another`;
  return { check: 'hostPorts', text: `port ${port}/${protocol}, ${purpose}'s, is taken on this node. ${mend}` };
}

/** Whether two networks in CIDR form (or single addresses) have an address in common. */
export function overlaps(one: string, other: string): boolean {
  if (isIPv6(withoutLength(one)) !== isIPv6(withoutLength(other))) return false;
  return contains(one, withoutLength(other)) || contains(other, withoutLength(one));
}

function contains(cidr: string, address: string): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(withoutLength(cidr), Number(cidr.split('/')[1] ?? (family === 'ipv6' ? 128 : 32)), family);
  return list.check(address, family);
}

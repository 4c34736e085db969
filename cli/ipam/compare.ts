/** Compares what Kubernetes, the config database and the nodes hold. Pure. */
import { twiceHeld } from './claims.ts';
import type { ConfigPort, Finding, KernelPort, Observation, PodClaim } from './model.ts';
import { withoutLength } from '../../runtime/cidr.ts';

/** Everything that does not agree in one look. What is on its way looks the same: only what a second look confirms counts. */
export function compare(observation: Observation): readonly Finding[] {
  const wanted = observation.pods.filter(({ isWanted }) => isWanted);
  const living = new Set(wanted.map(({ uid }) => uid));
  const config = new Map(observation.config.map((port) => [port.vmi, port]));
  return [
    ...twiceHeld(observation, living),
    ...observation.config.filter(({ vm }) => vm !== '' && !living.has(vm)).map(leakedInConfig),
    ...observation.nodes.flatMap(({ node, ports }) =>
      ports.filter(({ vm }) => vm === undefined || !living.has(vm)).map((port) => leakedOnNode(node, port)),
    ),
    ...wanted.flatMap((pod) => podFindings(pod, { config, kernel: kernelOf(pod, observation) })),
  ];
}

/** What both looks have found, as the second one has it. */
export function confirmed(first: readonly Finding[], second: readonly Finding[]): readonly Finding[] {
  const seen = new Set(first.map(identityOf));
  return second.filter((finding) => seen.has(identityOf(finding)));
}

function identityOf({ problem, place, holder, addresses }: Finding): string {
  return [problem, place, holder, ...addresses].join(' ');
}

function keyOfPod({ namespace, name }: Pick<PodClaim, 'namespace' | 'name'>): string {
  return `Pod/${namespace}/${name}`;
}

function leakedInConfig({ owner, vmi, addresses }: ConfigPort): Finding {
  return {
    problem: 'leaked',
    place: 'config',
    holder: owner,
    addresses,
    detail: `virtual-machine-interface ${vmi} is of a pod that is gone or has run to its end`,
    repair: owner,
  };
}

function leakedOnNode(node: string, { device, vm, addresses }: KernelPort): Finding {
  return {
    problem: 'leaked',
    place: 'kernel',
    holder: `${node}/${device}`,
    addresses,
    detail:
      vm === undefined
        ? `node ${node} has routes to ${device}, which no port is bound to`
        : `node ${node} has ${device} bound for pod ${vm}, which is gone or has run to its end`,
    mend: `the node's agent releases it when the sandbox is gone: see crictl pods on ${node}`,
  };
}

/** The ports of a pod's node by interface; `undefined` where the node was not asked. */
function kernelOf({ node }: PodClaim, { nodes }: Observation): ReadonlyMap<string, KernelPort> | undefined {
  const ports = nodes.find((candidate) => candidate.node === node)?.ports;
  return ports === undefined ? undefined : new Map(ports.map((port) => [port.vmi ?? '', port]));
}

interface Places {
  readonly config: ReadonlyMap<string, ConfigPort>;
  readonly kernel: ReadonlyMap<string, KernelPort> | undefined;
}

function podFindings(pod: PodClaim, { config, kernel }: Places): readonly Finding[] {
  const holder = keyOfPod(pod);
  if (pod.ports === undefined) {
    const detail = 'it is bound to a node and has no ports of its own';
    return [{ problem: 'missing', place: 'annotation', holder, addresses: pod.podIPs, detail, repair: holder }];
  }
  return [
    ...statusFindings(pod),
    ...pod.ports.interfaces.flatMap((port) => {
      const claim: Claim = { holder, name: port.name, mac: port.mac, addresses: port.ips.map(withoutLength) };
      const mend = `re-create the pod, or see the vRouter's log on node ${pod.node}`;
      return [
        ...against(claim, config.get(port.vmi), { place: 'config', repair: holder }),
        ...(kernel === undefined || pod.phase !== 'Running'
          ? []
          : against(claim, kernel.get(port.vmi), { place: 'kernel', mend })),
      ];
    }),
  ];
}

interface Claim {
  readonly holder: string;
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

function against(
  { holder, name, mac, addresses }: Claim,
  found: { readonly mac: string; readonly addresses: readonly string[] } | undefined,
  remedy: Pick<Finding, 'place' | 'repair' | 'mend'>,
): readonly Finding[] {
  const finding = { holder, addresses, ...remedy };
  if (found === undefined) return [{ ...finding, problem: 'missing', detail: `interface ${name} is not there` }];
  const has = describe(found);
  const wants = describe({ mac, addresses });
  return has === wants
    ? []
    : [{ ...finding, problem: 'differs', detail: `interface ${name}: its annotation says ${wants}, there is ${has}` }];
}

/** The kubelet tells the first interface's addresses, as the runtime had them from the plugin. */
function statusFindings(pod: PodClaim): readonly Finding[] {
  const addresses = pod.ports?.interfaces[0]?.ips.map(withoutLength) ?? [];
  if (pod.podIPs.length === 0 || pod.podIPs.every((address) => addresses.includes(address))) return [];
  return [
    {
      problem: 'differs',
      place: 'annotation',
      holder: keyOfPod(pod),
      addresses,
      detail: `its status says ${pod.podIPs.join(', ')}, its annotation ${addresses.join(', ')}`,
      mend: 're-create the pod',
    },
  ];
}

function describe({ mac, addresses }: { readonly mac: string; readonly addresses: readonly string[] }): string {
  return [...addresses.toSorted(), mac.toLowerCase()].join(' ');
}

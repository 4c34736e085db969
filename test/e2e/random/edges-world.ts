/** What a random run of edges does: objects at the edges of networks that come, change and go by a seed, each under a fixed name. */
import { idle } from '../pods.ts';
import type { Dice } from './dice.ts';

/** A name under which an object is there or not; `spec` throws a new one. */
export interface Slot {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly body: (dice: Dice) => object;
}

const SHARED = 'random-edges';
const ALONE = 'random-edges-alone';
const CUSTOM = 'random-edges-custom';
export const NAMESPACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [SHARED]: {},
  [ALONE]: { 'opencontrail.org/isolation': 'true' },
  [CUSTOM]: {},
};

const OURS = 'opencontrail.org/v1alpha1';
const NETWORKS = ['blue', 'red', 'green'];
const POOLS = ['random-a', 'random-b'];
const APPS = ['web', 'db'];
const TEAMS = ['one', 'two'];

const numbers = (count: number): readonly number[] => [...Array(count).keys()];
const numbered = (count: number, make: (index: number) => Slot): readonly Slot[] => numbers(count).map(make);

/** Every name that a run knows; `nodes` are those that pods stand on. */
export function slots(nodes: readonly string[]): readonly Slot[] {
  return [
    ...POOLS.map((name, index) => ({
      apiVersion: OURS,
      kind: 'FloatingIPPool',
      name,
      body: ({ chance }: Dice) => ({
        spec: {
          subnets: [
            { cidr: `198.18.${index}.0/28`, ...(chance(0.3) ? { excluded: [range(`198.18.${index}`, 1, 4)] } : {}) },
            { cidr: `fd00:198:18:${index}::/124` },
          ],
        },
      }),
    })),
    ...NETWORKS.map((name, index) => ({
      apiVersion: OURS,
      kind: 'VirtualNetwork',
      namespace: CUSTOM,
      name,
      body: ({ chance }: Dice) => ({
        spec: {
          // The first two have the same addresses, and the last is of both families.
          subnets: index < 2 ? [{ cidr: '10.73.0.0/24' }] : [{ cidr: '10.74.0.0/24' }, { cidr: 'fd00:74::/64' }],
          ...(chance(0.3) ? { snat: true } : {}),
          ...(chance(0.3) ? { sharing: { namespaces: [SHARED] } } : {}),
        },
      }),
    })),
    ...[SHARED, ALONE, CUSTOM].flatMap((namespace) =>
      numbered(3, (index) => ({
        apiVersion: OURS,
        kind: 'FloatingIP',
        namespace,
        name: `f${index}`,
        body: floatingIp,
      })),
    ),
    ...[SHARED, ALONE, CUSTOM].flatMap((namespace) =>
      numbered(2, (index) => ({
        apiVersion: OURS,
        kind: 'LogicalRouter',
        namespace,
        name: `r${index}`,
        body: (dice: Dice) => logicalRouter(namespace, dice),
      })),
    ),
    ...numbered(3, (index) => ({
      apiVersion: OURS,
      kind: 'NetworkConnection',
      namespace: CUSTOM,
      name: `c${index}`,
      body: networkConnection,
    })),
    ...numbered(2, (index) => ({
      apiVersion: OURS,
      kind: 'ServiceChain',
      namespace: CUSTOM,
      name: `chain${index}`,
      body: serviceChain,
    })),
    ...[SHARED, ALONE].flatMap((namespace) =>
      numbered(3, (index) => ({ apiVersion: 'v1', kind: 'Service', namespace, name: `s${index}`, body: service })),
    ),
    ...numbered(2, (index) => ({
      apiVersion: 'policy.networking.k8s.io/v1alpha2',
      kind: 'ClusterNetworkPolicy',
      name: `random-${index}`,
      body: clusterNetworkPolicy,
    })),
    ...numbered(2, (index) => ({
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      namespace: CUSTOM,
      name: `n${index}`,
      body: () => ({
        metadata: { annotations: { 'opencontrail.org/cidr': '10.75.0.0/24' } },
        spec: { config: '{"cniVersion":"1.0.0","type":"opencontrail-cni"}' },
      }),
    })),
    ...Object.entries(NAMESPACES).map(([name, annotations]) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      name,
      body: ({ pick }: Dice) => ({ metadata: { labels: { team: pick(TEAMS) }, annotations } }),
    })),
    ...[SHARED, CUSTOM].flatMap((namespace) =>
      numbered(2, (index) => ({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        namespace,
        name: `p${index}`,
        body: networkPolicy,
      })),
    ),
    ...[SHARED, ALONE, CUSTOM].flatMap((namespace) =>
      numbered(5, (index) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        namespace,
        name: `w${index}`,
        body: (dice: Dice) => pod(namespace, nodes, dice),
      })),
    ),
  ];
}

function range(prefix: string, start: number, end: number): object {
  return { start: `${prefix}.${start}`, end: `${prefix}.${end}` };
}

function floatingIp({ chance, pick, upTo }: Dice): object {
  const pool = upTo(POOLS.length);
  const holder = pick([
    {},
    { pod: `w${upTo(5)}` },
    { pod: `w${upTo(5)}` },
    { service: `s${upTo(3)}` },
    { selector: { matchLabels: { app: pick(APPS) } } },
  ]);
  return {
    spec: {
      pool: POOLS[pool],
      ...(chance(0.4) ? { address: addressOf(pool, 1 + upTo(14), chance(0.3)) } : {}),
      ...holder,
      ...(chance(0.2) && !('service' in holder) ? { direction: pick(['Ingress', 'Egress']) } : {}),
      ...(chance(0.2) && !('service' in holder) ? { ports: [{ port: 80 + upTo(3), targetPort: 8080 }] } : {}),
    },
  };
}

function addressOf(pool: number, number: number, isV6: boolean): string {
  return isV6 ? `fd00:198:18:${pool}::${number.toString(16)}` : `198.18.${pool}.${number}`;
}

function logicalRouter(namespace: string, { chance, pick, upTo }: Dice): object {
  const pool = upTo(POOLS.length);
  const addresses = [...new Set(numbers(1 + upTo(2)).map(() => addressOf(pool, 1 + upTo(14), chance(0.3))))];
  return {
    spec: {
      pool: POOLS[pool],
      networks:
        namespace === CUSTOM ? [...new Set([pick(NETWORKS), pick(NETWORKS)])].map(named) : [{ kind: 'Namespace' }],
      ...(chance(0.5) ? { addresses } : {}),
    },
  };
}

const named = (name: string): object => ({ name });

function networkConnection({ chance, upTo }: Dice): object {
  const all = [...NETWORKS.map(named), { kind: 'Cluster' }, { kind: 'Namespace', name: ALONE }];
  const first = upTo(all.length);
  const networks = [all[first], all[(first + 1 + upTo(all.length - 1)) % all.length]];
  const ports = [{ port: 80 }, { protocol: 'UDP', port: 53, endPort: 60 }, { protocol: 'ICMP' }];
  return {
    spec: {
      networks,
      ...(chance(0.4) ? { through: `chain${upTo(2)}` } : {}),
      ...(chance(0.5) ? { ports: ports.slice(upTo(3)) } : {}),
      ...(chance(0.2) ? { mirror: `w${upTo(5)}` } : {}),
    },
  };
}

function serviceChain({ chance, pick, upTo }: Dice): object {
  const left = upTo(NETWORKS.length);
  const right = (left + 1 + upTo(NETWORKS.length - 1)) % NETWORKS.length;
  const of = (app: string): object => ({
    name: app,
    selector: { matchLabels: { app } },
    kind: pick(['InNetwork', 'Transparent']),
    whenEmpty: pick(['Block', 'Bypass']),
  });
  const services = chance(0.5) ? ['web'] : ['web', 'db'];
  return {
    spec: { left: named(NETWORKS[left] ?? ''), right: named(NETWORKS[right] ?? ''), services: services.map(of) },
  };
}

function service({ chance, pick, upTo }: Dice): object {
  const type = pick(['ClusterIP', 'NodePort', 'LoadBalancer', 'LoadBalancer']);
  return {
    spec: {
      type,
      ...(chance(0.8) ? { selector: { app: pick(APPS) } } : {}),
      ports: [{ name: 'http', port: 80 + upTo(3), targetPort: 8080 }],
      ...(type !== 'ClusterIP' && chance(0.4) ? { externalTrafficPolicy: 'Local' } : {}),
      ...(type === 'LoadBalancer' && chance(0.3) ? { loadBalancerSourceRanges: ['192.0.2.0/24'] } : {}),
      ...(chance(0.3) ? { internalTrafficPolicy: 'Local' } : {}),
      ...(chance(0.3) ? { sessionAffinity: 'ClientIP' } : {}),
      ...(chance(0.3) ? { ipFamilyPolicy: 'PreferDualStack' } : {}),
    },
  };
}

function networkPolicy({ chance, pick }: Dice): object {
  const peer = pick<object>([
    { podSelector: { matchLabels: { app: pick(APPS) } } },
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': ALONE } } },
    { namespaceSelector: { matchLabels: { team: pick(TEAMS) } } },
    { ipBlock: { cidr: '10.0.0.0/8', except: ['10.73.0.0/28'] } },
  ]);
  return {
    spec: {
      podSelector: chance(0.5) ? {} : { matchLabels: { app: pick(APPS) } },
      policyTypes: pick([['Ingress'], ['Egress'], ['Ingress', 'Egress']]),
      ingress: [{ from: [peer], ...(chance(0.5) ? { ports: [{ port: 8080 }] } : {}) }],
      egress: [{ to: [peer] }],
    },
  };
}

function clusterNetworkPolicy({ chance, pick, upTo }: Dice): object {
  const namespaces = (): object => ({ matchLabels: { team: pick(TEAMS) } });
  const pods = (): object => ({ namespaceSelector: namespaces(), podSelector: { matchLabels: { app: pick(APPS) } } });
  const both = (): object => (chance(0.5) ? { namespaces: namespaces() } : { pods: pods() });
  const tier = pick(['Admin', 'Baseline']);
  const protocols = [{ tcp: { destinationPort: { number: 8080 } } }];
  const rule = (): object => ({
    action: pick(tier === 'Admin' ? ['Accept', 'Deny', 'Pass'] : ['Accept', 'Deny']),
    ...(chance(0.5) ? { protocols } : {}),
  });
  return {
    spec: {
      tier,
      priority: upTo(3),
      subject: both(),
      ingress: numbers(upTo(3)).map(() => ({ ...rule(), from: [both()] })),
      egress: numbers(upTo(3)).map(() => ({ ...rule(), to: [chance(0.3) ? { networks: ['10.73.0.0/24'] } : both()] })),
    },
  };
}

function pod(namespace: string, nodes: readonly string[], { chance, pick, upTo }: Dice): object {
  const network = namespace === CUSTOM && chance(0.7) ? pick(NETWORKS) : undefined;
  const isOfChain = namespace === CUSTOM && chance(0.4);
  return {
    metadata: {
      labels: { app: pick(APPS) },
      annotations: {
        ...(network === undefined ? {} : { 'opencontrail.org/network': network }),
        ...(namespace === CUSTOM && chance(0.2) ? { 'k8s.v1.cni.cncf.io/networks': `n${upTo(2)}` } : {}),
        ...(isOfChain ? { 'opencontrail.org/service-chain': `chain${upTo(2)}` } : {}),
        ...(chance(0.1)
          ? {
              'opencontrail.org/fip-pool': JSON.stringify({
                domain: 'default-domain',
                project: 'k8s-default',
                network: pick(POOLS),
                name: 'pool',
              }),
            }
          : {}),
      },
    },
    spec: { nodeName: pick(nodes), terminationGracePeriodSeconds: 0, containers: [idle] },
  };
}

const PLURALS: Readonly<Record<string, string>> = {
  ClusterNetworkPolicy: 'clusternetworkpolicies',
  FloatingIP: 'floatingips',
  FloatingIPPool: 'floatingippools',
  LogicalRouter: 'logicalrouters',
  Namespace: 'namespaces',
  NetworkAttachmentDefinition: 'network-attachment-definitions',
  NetworkConnection: 'networkconnections',
  NetworkPolicy: 'networkpolicies',
  Pod: 'pods',
  Service: 'services',
  ServiceChain: 'servicechains',
  VirtualNetwork: 'virtualnetworks',
};

/** A slot's path at the API server. */
export function pathOf({ apiVersion, kind, namespace, name }: Slot): string {
  const group = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
  return `${group}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${PLURALS[kind] ?? kind}/${name}`;
}

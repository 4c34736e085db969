/** The world of the suite `chains`: two networks, clients and servers on either side, and the pods of services between them. */
import type { LabHandle } from '../lab/handle.ts';
import { dialPod } from './dial.ts';

/** The namespace of it all. */
export const NAMESPACE = 'chains';
/** What the firewall drops: a port on which servers answer over UDP. */
export const REFUSED_PORT = 8081;

const [apiVersion, NETWORK] = ['opencontrail.org/v1alpha1', 'opencontrail.org/network'] as const;
const SIDES = { inside: ['10.91.1.0/24', 'fd00:91:1::/64'], outside: ['10.91.2.0/24', 'fd00:91:2::/64'] } as const;

/** The networks, and definitions by which service pods are in both. */
export function networks(): readonly object[] {
  return Object.entries(SIDES).flatMap(([name, cidrs]) => [
    {
      apiVersion,
      kind: 'VirtualNetwork',
      metadata: { namespace: NAMESPACE, name },
      spec: { subnets: cidrs.map((cidr) => ({ cidr })), serviceAccess: false },
    },
    {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { namespace: NAMESPACE, name, annotations: { [NETWORK]: name } },
      spec: { config: '{"cniVersion": "1.0.0", "type": "opencontrail-cni"}' },
    },
  ]);
}

/** A client and a server on each node. */
export function ends(nodes: readonly string[]): readonly object[] {
  return nodes.flatMap((node) =>
    (['inside', 'outside'] as const).map((network) =>
      dialPod({
        namespace: NAMESPACE,
        name: `${network}-${node}`,
        node,
        labels: { side: network },
        annotations: { [NETWORK]: network },
      }),
    ),
  );
}

/** What joins the networks: everything between them passes the services. */
export function chain(services: readonly object[]): readonly object[] {
  const metadata = { namespace: NAMESPACE, name: 'inspect' };
  const [left, right] = [{ name: 'inside' }, { name: 'outside' }];
  return [
    { apiVersion, kind: 'ServiceChain', metadata, spec: { left, right, services } },
    { apiVersion, kind: 'NetworkConnection', metadata, spec: { networks: [left, right], through: 'inspect' } },
  ];
}

/** A service as the chain names it. */
export const service = (name: string, rest: object = {}): object => ({
  name,
  selector: { matchLabels: { app: name } },
  ...rest,
});

/** What service pods do: how they begin to pass on what comes to them, and the rules by which they count and judge it. */
interface Work {
  readonly setUp: string;
  readonly rules: string;
}

/** The two ways to an interface on either side. */
export const BY_CHAIN = { 'opencontrail.org/service-chain': 'inspect' } as const;
const BY_DEFINITIONS = { 'k8s.v1.cni.cncf.io/networks': 'inside@left, outside@right' } as const;

interface ServicePods {
  readonly name: string;
  readonly replicas: number;
  readonly work: Work;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Pods of a service. */
export async function servicePods(
  lab: LabHandle,
  { name, replicas, work, annotations = BY_DEFINITIONS }: ServicePods,
): Promise<object> {
  const labels = { app: name };
  const container = {
    name: 'service',
    image: await productImage(lab),
    imagePullPolicy: 'Never',
    securityContext: { privileged: true },
    command: [
      'sh',
      '-c',
      `set -e\n${work.setUp}\nnft -f - <<'END'\n${work.rules}\nEND\ntouch /tmp/ready; exec sleep infinity`,
    ],
    readinessProbe: {
      exec: { command: ['test', '-e', '/tmp/ready'] },
      periodSeconds: 1,
      failureThreshold: 1,
      timeoutSeconds: 5,
    },
  };
  const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: NAMESPACE, name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels, annotations }, spec } },
  };
}

const ROUTING = `cd /proc/sys/net
echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding
for i in all left right; do echo 0 > ipv4/conf/$i/rp_filter; done
cd /`;

const BRIDGING = `ip link add br0 type bridge
for i in left right; do ip link set $i master br0; done
ip link set br0 up`;

const counting = (family: 'inet' | 'bridge'): string => `table ${family} hop {
  counter forth { }
  counter back { }
  counter refused { }
  chain count {
    type filter hook forward priority 10;
    meta l4proto tcp iifname "left" oifname "right" counter name forth
    meta l4proto tcp iifname "right" oifname "left" counter name back
  }
}`;

const refusing = (family: 'inet' | 'bridge'): string => `table ${family} hop {
  chain judge { type filter hook forward priority 0; udp dport ${REFUSED_PORT} counter name refused drop; }
}`;

/** Routes, and drops one port. */
export const FIREWALL: Work = { setUp: ROUTING, rules: `${counting('inet')}\n${refusing('inet')}` };

/** Bridges, and drops one port. */
export const FILTER: Work = { setUp: BRIDGING, rules: `${counting('bridge')}\n${refusing('bridge')}` };

/** Routes; answers come back to its own address. */
export const TRANSLATOR: Work = {
  setUp: ROUTING,
  rules: `${counting('inet')}
table inet translator {
  chain out { type nat hook postrouting priority 100; oifname "right" masquerade; }
}`,
};

/** It holds what a router or a bridge needs. */
async function productImage(lab: LabHandle): Promise<string> {
  const path = '{.items[0].spec.template.spec.containers[0].image}';
  return await lab.kubectl(['get', 'deployments', '-n', 'opencontrail', '-o', `jsonpath=${path}`]);
}

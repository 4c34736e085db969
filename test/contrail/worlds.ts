/** Random desired worlds of the real translations: the arbitraries that properties of plans are tried on. */
import fc from 'fast-check';
import { desiredCluster } from '../../contrail/desired/cluster.ts';
import { desiredNamespace } from '../../contrail/desired/namespace.ts';
import { desiredNode } from '../../contrail/desired/node.ts';
import { desiredPod } from '../../contrail/desired/pod.ts';
import { desiredService } from '../../contrail/desired/service.ts';
import { PLAIN_TRAFFIC } from '../../contrail/traffic.ts';
import { createNames, uuidOf } from '../../contrail/names.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import { uuidV5 } from '../../contrail/uuid.ts';

export const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
export const naming = { cluster: 'k8s', names };

/** A UID as Kubernetes gives one; the number tells incarnations of one name apart. */
export function uidOf(name: string, incarnation: number): string {
  return uuidV5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', `${name} ${incarnation}`);
}

const cluster = desiredCluster(
  {
    podSubnets: [{ ip_prefix: '10.32.0.0', ip_prefix_len: 12 }],
    serviceSubnets: [{ ip_prefix: '10.96.0.0', ip_prefix_len: 12 }],
    snat: false,
    forwarding: false,
    ipFabric: {
      type: 'virtual-network',
      uuid: uuidOf('virtual-network', ['ip-fabric']),
      fq_name: ['default-domain', 'default-project', 'ip-fabric'],
    },
  },
  naming,
);

const NAMESPACES = ['default', 'a', 'b'] as const;
const NODES = ['n1', 'n2'] as const;

const namespaceOf = fc.constantFrom(...NAMESPACES);
const incarnation = fc.integer({ min: 0, max: 1 });

function routerOf(node: string) {
  const fqName = names.virtualRouter(node);
  return { type: 'virtual-router', uuid: uuidOf('virtual-router', fqName), fq_name: fqName };
}

const pod = fc.record({
  namespace: namespaceOf,
  name: fc.constantFrom('p', 'q'),
  incarnation,
  node: fc.constantFrom(...NODES),
  isolated: fc.boolean(),
  isSticky: fc.boolean(),
  address: fc.option(fc.constantFrom('10.32.0.7', '10.32.0.8'), { nil: undefined }),
  labels: fc.constantFrom({}, { app: 'web' }),
});

const service = fc.record({
  namespace: namespaceOf,
  name: fc.constantFrom('s', 't'),
  incarnation,
  isolated: fc.boolean(),
  affinitySeconds: fc.constantFrom(60, 10_800),
  local: fc.boolean(),
  ports: fc.uniqueArray(fc.integer({ min: 80, max: 82 }), { maxLength: 3 }),
  backends: fc.uniqueArray(fc.constantFrom('10.32.0.7', '10.32.0.8', '10.32.0.9'), { maxLength: 3 }),
});

/** Whole worlds: cluster singletons, three namespaces, two nodes, and pods and services among them. */
export const world: fc.Arbitrary<readonly ContrailObject[]> = fc
  .record({
    flags: fc.record({ snat: fc.boolean(), forwarding: fc.constant(false) }),
    isolated: fc.record({ default: fc.constant(false), a: fc.boolean(), b: fc.boolean() }),
    pods: fc.uniqueArray(pod, { selector: (p) => `${p.namespace}/${p.name}`, maxLength: 6 }),
    services: fc.uniqueArray(service, { selector: (s) => `${s.namespace}/${s.name}`, maxLength: 4 }),
  })
  .map(({ flags, isolated, pods, services }) => [
    ...cluster,
    ...NAMESPACES.flatMap((name) =>
      desiredNamespace({ name, uid: uidOf(name, 0), isolated: isolated[name], ...flags }, naming),
    ),
    ...NODES.flatMap((name, index) => desiredNode({ name, internalIps: [`192.0.2.${index + 1}`] }, naming)),
    ...pods.flatMap((p) =>
      desiredPod(
        {
          namespace: p.namespace,
          name: p.name,
          uid: uidOf(`pod ${p.namespace}/${p.name}`, p.incarnation),
          labels: p.labels,
          isSticky: p.isSticky,
          virtualRouter: routerOf(p.node),
          interfaces: [
            {
              name: 'eth0',
              label: 'default',
              network: p.isolated && isolated[p.namespace] ? names.podNetwork(p.namespace) : names.clusterPodNetwork,
              addresses: p.address === undefined ? [] : [p.address],
              families: ['v4'],
            },
          ],
        },
        naming,
      ),
    ),
    ...services.flatMap((s) =>
      desiredService(
        {
          namespace: s.namespace,
          name: s.name,
          uid: uidOf(`service ${s.namespace}/${s.name}`, s.incarnation),
          network:
            s.isolated && isolated[s.namespace] ? names.serviceNetwork(s.namespace) : names.clusterServiceNetwork,
          addresses: ['10.96.0.1'],
          affinitySeconds: s.affinitySeconds,
          traffic: { ...PLAIN_TRAFFIC, externalLocal: s.local },
          ports: s.ports.map((port) => ({
            name: `p${port}`,
            protocol: 'TCP',
            port,
            backends: s.backends.map((address) => ({ address, port: 8080 })),
          })),
        },
        naming,
      ),
    ),
  ]);

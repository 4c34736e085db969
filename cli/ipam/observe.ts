/** One look at the pods' addresses: Kubernetes, the config database, and every node's kernel. */
import { z } from 'zod';
import { ownerOf } from '../../contrail/ownership.ts';
import { type ContrailObject, fqNameText, type Reference } from '../../contrail/objects.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { KubeObject } from '../../kubernetes/client.ts';
import { slimPod } from '../../kubernetes/objects.ts';
import { portsOfPod } from '../../kubernetes/ports.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Cluster } from '../reach/cluster.ts';
import type { Installation } from '../reach/config-api.ts';
import { askPod, VROUTER_PORT } from '../reach/pods.ts';
import type { ConfigPort, NodePorts, Observation, PodClaim } from './model.ts';

/** Looks once. A node that cannot be asked is named, and the rest is compared without it. */
export async function observe(cluster: Cluster, installation: Installation): Promise<Observation> {
  // Pods last: what they hold is never younger than what is compared with it.
  const [config, flatNetworks, nodes] = await Promise.all([
    configPorts(installation),
    readFlatNetworks(installation),
    installation.isEmbedded ? readNodes(cluster) : { nodes: [], unasked: [] },
  ]);
  const { items } = await cluster.kube.list('/api/v1/pods');
  return { config, flatNetworks, ...nodes, pods: items.flatMap(podClaim) };
}

function podClaim(raw: KubeObject): readonly PodClaim[] {
  const pod = slimPod(raw);
  if (pod.hostNetwork) return [];
  // The field of a v1 Pod's status that the slim projection leaves out.
  const { podIPs = [] } = (raw['status'] ?? {}) as { readonly podIPs?: readonly { readonly ip: string }[] };
  const hasEnded = pod.phase === 'Succeeded' || pod.phase === 'Failed';
  return [
    {
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      node: pod.nodeName ?? '',
      phase: pod.phase,
      isWanted: pod.nodeName !== undefined && !hasEnded,
      podIPs: podIPs.map(({ ip }) => ip),
      ports: portsOfPod(pod.annotations[ANNOTATION.ports], pod.uid),
    },
  ];
}

const VMI_FIELDS = [
  'annotations',
  'virtual_network_refs',
  'virtual_machine_refs',
  'virtual_machine_interface_mac_addresses',
];

async function configPorts({ contrail, cluster }: Installation): Promise<readonly ConfigPort[]> {
  const [interfaces, addresses] = await Promise.all([
    contrail.list('virtual-machine-interface', { fields: VMI_FIELDS }),
    contrail.list('instance-ip', { fields: ['instance_ip_address', 'virtual_machine_interface_refs'] }),
  ]);
  const byInterface = Map.groupBy(
    addresses.flatMap((address) =>
      refs(address, 'virtual_machine_interface').map((vmi) => ({ vmi: vmi.uuid, address })),
    ),
    ({ vmi }) => vmi ?? '',
  );
  return interfaces.flatMap((vmi) => {
    const owner = ownerOf(vmi);
    if (owner?.cluster !== cluster) return [];
    const [network] = refs(vmi, 'virtual_network');
    const held = byInterface.get(vmi.uuid) ?? [];
    return [
      {
        vmi: vmi.uuid,
        vm: refs(vmi, 'virtual_machine')[0]?.uuid ?? '',
        owner: `${owner.kind}/${owner.namespace}/${owner.name}`,
        network: network === undefined ? '' : fqNameText(network.to),
        mac: macOf(vmi),
        addresses: held.flatMap(({ address }) => (address['instance_ip_address'] as string | undefined) ?? []),
      },
    ];
  });
}

// The fields below are the schema's, as the server answers them.
function refs(object: ContrailObject, type: string): readonly Reference[] {
  return (object[`${type}_refs`] ?? []) as readonly Reference[];
}

function macOf(vmi: ContrailObject): string {
  const macs = vmi['virtual_machine_interface_mac_addresses'] as
    | { readonly mac_address?: readonly string[] }
    | undefined;
  return macs?.mac_address?.[0] ?? '';
}

/** Networks that take their addresses from an ipam's own subnets share them with all others that do. */
async function readFlatNetworks({ contrail }: Installation): Promise<ReadonlySet<string>> {
  const networks = await contrail.list('virtual-network', { fields: ['address_allocation_mode'] });
  return new Set(
    networks
      .filter(({ address_allocation_mode: mode }) => typeof mode === 'string' && mode.startsWith('flat-'))
      .map(({ fq_name: name }) => fqNameText(name)),
  );
}

const Ports = z.array(
  z.object({
    device: z.string(),
    addresses: z.array(z.string()),
    mac: z.string(),
    vmi: z.string().optional(),
    vm: z.string().optional(),
  }),
);

async function readNodes(cluster: Cluster): Promise<Pick<Observation, 'nodes' | 'unasked'>> {
  const pods = await cluster.podsOf('node');
  const { items } = await cluster.kube.list('/api/v1/nodes');
  const nodes: NodePorts[] = [];
  const unasked: { node: string; reason: string }[] = [];
  await Promise.all(
    items.map(async ({ metadata: { name: node } }) => {
      const pod = pods.find((candidate) => candidate.node === node);
      try {
        if (pod === undefined) throw new Error('the product has no Ready pod on it');
        const answer = await askPod({ pod: pod.name, port: VROUTER_PORT, path: '/introspect/ports' }, cluster);
        nodes.push({ node, ports: Ports.parse(answer) });
      } catch (error) {
        unasked.push({ node, reason: messageOf(error) });
      }
    }),
  );
  return { nodes, unasked };
}

/** A world as the product has it: through the workers' translation and the config objects to the state that a node enforces. */
import { desiredClusterPolicy, GLOBAL_SET } from '../../contrail/desired/cluster-network-policy.ts';
import { desiredNamespace } from '../../contrail/desired/namespace.ts';
import { desiredNetworkPolicy } from '../../contrail/desired/network-policy.ts';
import { uuidOf as newUuidOf } from '../../contrail/names.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import { type End, isReference } from '../../contrail/reference.ts';
import { type SlimClusterPolicy, slimClusterPolicy } from '../../kubernetes/cluster-network-policy.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { KubeObject } from '../../kubernetes/client.ts';
import { slimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { formatPorts } from '../../kubernetes/ports.ts';
import { slimPod } from '../../kubernetes/objects.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import type { ForwardingState } from '../../vrouter/model.ts';
import { policySubject } from '../../workers/desired/network-policy.ts';
import { clusterPolicyTags } from '../../workers/cluster-policy-parts.ts';
import { clusterPolicySubject } from '../../workers/desired/cluster-network-policy.ts';
import { openGroups, type Placed, policyMemberships } from '../../workers/policy-membership.ts';
import { settings } from '../workers/settings-for-tests.ts';
import type { Pod, World } from './reference.ts';

const UUIDS = new Map<string, string>();

/** As the product derives them; the names of small worlds are the same ones again and again. */
function uuidOf(type: string, fqName: readonly string[]): string {
  const key = `${type} ${fqName.join(':')}`;
  const uuid = UUIDS.get(key) ?? newUuidOf(type, fqName);
  UUIDS.set(key, uuid);
  return uuid;
}

const NETWORK = ['default-domain', 'k8s-default', 'k8s-default-pod-network'];

/** The config objects of a world; `nodeOf` places its pods. */
export function objectsOf(world: World, nodeOf: (pod: Pod) => string = () => 'n1'): Map<string, ContrailObject> {
  const objects = new Map<string, ContrailObject>();
  const put = (object: ContrailObject): void => void objects.set(object.uuid, object);
  const make = (type: string, fqName: readonly string[], fields: object): void =>
    put({ type, uuid: uuidOf(type, fqName), fq_name: fqName, ...fields });
  const policies = world.policies.map((policy) => slimNetworkPolicy(policy as unknown as KubeObject));
  const placed = world.pods.map((pod) => ({
    pod: slimPod(rawPod(pod)),
    namespaceLabels: world.namespaces[pod.namespace] ?? {},
  }));
  const { names } = settings;
  for (const name of Object.keys(world.namespaces)) namespaceObjects(name).forEach(put);
  for (const policy of policies) desiredNetworkPolicy(policySubject(policy, placed, names), settings).forEach(put);
  putClusterPolicies(world, placed, { put, make });
  make('network-ipam', [...NETWORK, 'ipam'], {
    ipam_subnet_method: 'flat-subnet',
    ipam_subnets: { subnets: [{ subnet: { ip_prefix: '10.32.0.0', ip_prefix_len: 12 } }] },
  });
  make('virtual-network', NETWORK, {
    virtual_network_network_id: 5,
    address_allocation_mode: 'flat-subnet-only',
    network_ipam_refs: [ref('network-ipam', [...NETWORK, 'ipam'])],
  });
  world.pods.forEach((pod, index) => {
    const each = placed[index];
    if (each === undefined) return;
    const groups = [
      ...openGroups(each, policies, names),
      ...policyMemberships(each, policies, names).map(({ group }) => group.split(':')),
    ];
    // An interface cannot be in a group that nobody makes.
    for (const group of groups)
      if (!objects.has(uuidOf('security-group', group))) throw new Error(`no group ${group.join(':')}`);
    make('virtual-machine', [pod.name], {});
    make('virtual-machine-interface', vmiName(pod), {
      virtual_network_refs: [ref('virtual-network', NETWORK)],
      virtual_machine_refs: [ref('virtual-machine', [pod.name])],
      security_group_refs: groups.map((group) => ref('security-group', group)),
      tag_refs: tagsOf(each, world, objects),
    });
    for (const ip of pod.ips) {
      make('instance-ip', [pod.name, ip], {
        instance_ip_address: ip,
        virtual_network_refs: [ref('virtual-network', NETWORK)],
        virtual_machine_interface_refs: [ref('virtual-machine-interface', vmiName(pod))],
      });
    }
  });
  for (const [index, node] of ['n1', 'n2'].entries()) {
    make('virtual-router', ['default-global-system-config', node], {
      virtual_router_ip_address: `192.0.2.${index + 1}`,
      virtual_machine_refs: world.pods
        .filter((pod) => nodeOf(pod) === node)
        .map((pod) => ref('virtual-machine', [pod.name])),
    });
  }
  return objects;
}

const NAMESPACES = new Map<string, readonly ContrailObject[]>();

/** A namespace's objects follow from its name: thousands of worlds share them. */
function namespaceObjects(name: string): readonly ContrailObject[] {
  const known = NAMESPACES.get(name);
  if (known !== undefined) return known;
  const made = desiredNamespace({ name, uid: name, isolated: false, snat: false, forwarding: false }, settings);
  NAMESPACES.set(name, made);
  return made;
}

interface Making {
  readonly put: (object: ContrailObject) => void;
  readonly make: (type: string, fqName: readonly string[], fields: object) => void;
}

const SET: End = {
  type: 'application-policy-set',
  uuid: uuidOf('application-policy-set', GLOBAL_SET),
  fq_name: GLOBAL_SET,
};

function putClusterPolicies(world: World, pods: readonly Placed[], { put, make }: Making): void {
  const nodes = (world.nodes ?? []).map(({ labels, ips }) => ({ labels, addresses: ips }));
  const objects = clusterPoliciesOf(world).flatMap((policy) =>
    desiredClusterPolicy(clusterPolicySubject(policy, { pods, nodes }), SET, settings),
  );
  for (const object of objects) if (!isReference(object)) put(object);
  make('application-policy-set', GLOBAL_SET, {
    all_applications: true,
    parent_type: 'policy-management',
    firewall_policy_refs: objects
      .filter(isReference)
      .map(({ to, attr }) => ({ to: to.fq_name, uuid: uuidOf(to.type, to.fq_name), attr })),
  });
}

function clusterPoliciesOf({ clusterPolicies = [] }: World): readonly SlimClusterPolicy[] {
  return clusterPolicies.map((policy) => slimClusterPolicy(policy as unknown as KubeObject));
}

function tagsOf(placed: Placed, world: World, objects: ReadonlyMap<string, ContrailObject>) {
  return clusterPolicyTags(placed, clusterPoliciesOf(world)).map(({ tag }) => {
    if (!objects.has(uuidOf('tag', [tag]))) throw new Error(`no tag ${tag}`);
    return ref('tag', [tag]);
  });
}

/** What a node that holds every pod enforces. */
export function stateOf(world: World): ForwardingState {
  return compile({ objects: objectsOf(world) }, 'n1');
}

/** The UUID of a pod's interface. */
export function vmiOf(pod: Pod): string {
  return uuidOf('virtual-machine-interface', vmiName(pod));
}

function vmiName(pod: Pod): readonly string[] {
  return ['default-domain', `k8s-${pod.namespace}`, pod.name];
}

function ref(type: string, to: readonly string[]) {
  return { to, uuid: uuidOf(type, to), attr: null };
}

/** A pod as the API server has it. */
export function rawPod({ namespace, name, labels, ports, ips }: Pod): KubeObject {
  const port = { name: 'eth0', vmi: name, network: NETWORK.join(':'), networkId: 'n', mac: '02:00:00:00:00:01' };
  const held = ips.length === 0 ? [] : [{ ...port, ips, dns: [], mtu: 0 }];
  const annotations = { [ANNOTATION.ports]: formatPorts({ uid: name, interfaces: held }) };
  return {
    metadata: { namespace, name, uid: name, labels, annotations },
    spec: { nodeName: 'n1', containers: [{ name: 'c', ports }] },
  } as unknown as KubeObject;
}

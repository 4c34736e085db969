/** What a pod becomes: a machine, an interface and an address per network, and its place on a router (facts 1.3). Pure. */
import { partUuid } from '../names.ts';
import { MANAGED_TAGS } from '../difference.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { type End, referenceBetween } from '../reference.ts';
import { inProject, type Naming, ownerFor, to } from './owner.ts';
import { instanceIp } from './instance-ip.ts';
import { interfaceMirror, type PodMirror } from './pod-mirror.ts';
import { type PodService, sideOf, tupleReferences } from './pod-service.ts';
import { stickyMark } from './sticky.ts';

export interface PodInput {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The router of the pod's node, as the config database holds it. */
  readonly virtualRouter: End;
  readonly interfaces: readonly PodInterfaceInput[];
  /** Where its node reaches the first interface for probes. */
  readonly probeAddress?: string | undefined;
  /** Whether its addresses outlive it, for a successor of the same name. */
  readonly isSticky?: boolean;
  /** The security groups of every interface, in the colon form; absent: the namespace's open one. */
  readonly groups?: readonly string[];
  /** The tags of every interface, in the colon form. */
  readonly tags?: readonly string[];
  /** The services of chains that it works for now. */
  readonly services?: readonly PodService[];
  /** Whom the traffic of every interface is copied to; `none` takes away what stands. */
  readonly mirror?: PodMirror | 'none' | undefined;
}

export interface PodInterfaceInput {
  /** The interface's name in the pod; `eth0` first. */
  readonly name: string;
  readonly network: FqName;
  /** Contrail's label of the network: `default` for the first interface. */
  readonly label: string;
  readonly mac?: string;
  /** Addresses to have, where they are known: from an earlier allocation, or asked for by the user. */
  readonly addresses: readonly string[];
  /** Families of which the server chooses an address where none is known. */
  readonly families: readonly Family[];
}

/** An address family as the config API writes it. */
export type Family = 'v4' | 'v6';

/** The family of an address or of a CIDR. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 'v6' : 'v4';
}

/** The UUID of a pod's interface. */
export function podInterfaceUuid(podUid: string, interfaceName: string): string {
  return partUuid(podUid, 'vmi', interfaceName);
}

/** The MAC address that the config API gives an interface: `02:` and characters of its UUID (config-api facts 9). */
export function macOf(vmiUuid: string): string {
  const digits = vmiUuid.replaceAll('-', '').slice(0, 10);
  return ['02', ...(digits.match(/../g) ?? [])].join(':');
}

/** Everything under the key `Pod/<namespace>/<name>`. */
export function desiredPod(input: PodInput, naming: Naming): readonly ContrailObject[] {
  const owner = ownerFor({ kind: 'Pod', namespace: input.namespace, name: input.name }, naming);
  const machine = virtualMachine(input, owner, naming);
  return [
    machine,
    ...input.interfaces.flatMap((_, index) => interfaceObjects(input, index, { owner, naming })),
    referenceBetween(input.virtualRouter, machine),
  ];
}

function virtualMachine(input: PodInput, owner: Owner, { names }: Naming): ContrailObject {
  const fqName = names.virtualMachine(input.namespace, input.name);
  return {
    type: 'virtual-machine',
    uuid: input.uid,
    fq_name: fqName,
    display_name: fqName[0] ?? '',
    server_type: 'container',
    ...annotationsFor(owner, { k8s_uuid: input.uid, labels: JSON.stringify(input.labels) }),
  };
}

function interfaceObjects(
  pod: PodInput,
  index: number,
  { owner, naming }: { readonly owner: Owner; readonly naming: Naming },
): readonly ContrailObject[] {
  const port = pod.interfaces[index];
  if (port === undefined) return [];
  const uuid = podInterfaceUuid(pod.uid, port.name);
  const fqName = naming.names.podInterface(pod.namespace, pod.name, uuid);
  const probe = index === 0 ? pod.probeAddress : undefined;
  const { tags = [], services = [] } = pod;
  const marks = {
    index: `${index}/${pod.interfaces.length}`,
    network: port.label,
    interface: port.name,
    probe,
    [MANAGED_TAGS]: tags.join(','),
  };
  const groups = pod.groups ?? [naming.names.defaultSecurityGroup(pod.namespace).join(':')];
  const vmi = inProject({ type: 'virtual-machine-interface', uuid, fqName }, owner, {
    display_name: fqName.at(-1),
    port_security_enabled: true,
    virtual_machine_interface_mac_addresses: { mac_address: [port.mac ?? macOf(uuid)] },
    virtual_network_refs: [to(port.network)],
    virtual_machine_refs: [to(naming.names.virtualMachine(pod.namespace, pod.name))],
    security_group_refs: groups.map((group) => to(group.split(':'))),
    tag_refs: tags.map((tag) => to(tag.split(':'))),
    ...propertyFields(pod, port.name),
    ...annotationsFor(owner, marks),
  });
  const known = port.addresses.map((address) => ({ address, family: familyOf(address) }));
  const open = port.families.filter((family) => !known.some((each) => each.family === family));
  const wanted = [...known, ...open.map((family) => ({ address: undefined, family }))];
  return [
    vmi,
    ...wanted.map((ip) => addressObject(pod, { ...ip, vmi, port }, { owner, naming })),
    ...tupleReferences(services, port.name, vmi),
  ];
}

/** Absent where nothing is asked for: what stands is left alone then. */
function propertyFields({ services = [], mirror }: PodInput, port: string): Readonly<Record<string, unknown>> {
  const interface_mirror = mirror === 'none' ? null : mirror && interfaceMirror(mirror);
  const properties = { ...sideOf(services, port), ...(interface_mirror === undefined ? {} : { interface_mirror }) };
  return Object.keys(properties).length === 0 ? {} : { virtual_machine_interface_properties: properties };
}

/** One address of an interface; without an `address` the server chooses one of the family. */
function addressObject(
  pod: PodInput,
  ip: { vmi: ContrailObject; address: string | undefined; family: Family; port: PodInterfaceInput },
  { owner, naming }: { readonly owner: Owner; readonly naming: Naming },
): ContrailObject {
  const { family, port, vmi, address } = ip;
  const { isSticky = false, namespace, name } = pod;
  const uuid = isSticky
    ? naming.names.stickyAddressUuid(namespace, name, [port.name, family])
    : partUuid(vmi.uuid, 'iip', family);
  return instanceIp(
    { uuid, pod: name, network: port.network, family, address },
    {
      virtual_machine_interface_refs: [to(vmi.fq_name)],
      ...annotationsFor(owner, isSticky ? stickyMark(pod.interfaces) : {}),
    },
    naming.names,
  );
}

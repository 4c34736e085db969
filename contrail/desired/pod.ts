/** What a pod becomes: a machine, an interface and an address per network, and its place on a router (facts 1.3). Pure. */
import { partUuid } from '../names.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { type End, referenceBetween } from '../reference.ts';
import { inProject, type Naming, ownerFor, to } from './owner.ts';

export interface PodInput {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The router of the pod's node, as the config database holds it. */
  readonly virtualRouter: End;
  readonly interfaces: readonly PodInterfaceInput[];
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
  const marks = { index: `${index}/${pod.interfaces.length}`, network: port.label, interface: port.name };
  const vmi = inProject({ type: 'virtual-machine-interface', uuid, fqName }, owner, {
    display_name: fqName.at(-1),
    port_security_enabled: true,
    virtual_machine_interface_mac_addresses: { mac_address: [port.mac ?? macOf(uuid)] },
    virtual_network_refs: [to(port.network)],
    virtual_machine_refs: [to(naming.names.virtualMachine(pod.namespace, pod.name))],
    security_group_refs: [to(naming.names.defaultSecurityGroup(pod.namespace))],
    ...annotationsFor(owner, marks),
  });
  const known = port.addresses.map((address) => ({ address, family: familyOf(address) }));
  const open = port.families.filter((family) => !known.some((each) => each.family === family));
  const wanted = [...known, ...open.map((family) => ({ address: undefined, family }))];
  return [vmi, ...wanted.map((ip) => instanceIp({ ...ip, vmi, network: port.network, name: pod.name }, owner, naming))];
}

/** One address of an interface; without an `address` the server chooses one of the family, highest free first. */
function instanceIp(
  ip: { vmi: ContrailObject; address: string | undefined; family: Family; network: FqName; name: string },
  owner: Owner,
  { names }: Naming,
): ContrailObject {
  const { family } = ip;
  const uuid = partUuid(ip.vmi.uuid, 'iip', family);
  const fqName = names.podAddress(ip.name, uuid);
  return {
    type: 'instance-ip',
    uuid,
    fq_name: fqName,
    display_name: fqName[0] ?? '',
    instance_ip_family: family,
    ...(ip.address === undefined ? {} : { instance_ip_address: ip.address }),
    virtual_network_refs: [to(ip.network)],
    virtual_machine_interface_refs: [to(ip.vmi.fq_name)],
    ...annotationsFor(owner),
  };
}

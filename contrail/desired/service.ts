/** What a Service becomes: an address in a service network and a native load balancer behind it (facts 1.4, 5.1, 5.3). Pure. */
import { partUuid, uuidOf } from '../names.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import type { End } from '../reference.ts';
import { type BalancerTraffic, trafficAnnotations } from '../traffic.ts';
import { type ExternalInput, floatingIps } from './external.ts';
import { type HealthCheckInput, healthMonitor, isAskable } from './health-monitor.ts';
import { listenerObjects, type ServicePortInput } from './listener.ts';
import { flatNetwork, passPolicy, policyOn } from './network.ts';
import { inProject, type Naming, ownerFor, to } from './owner.ts';

export interface ServiceInput {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The service network its address lies in. */
  readonly network: FqName;
  /** Where the network is the Service's own: the policy that admits to it, and networks of others that carry it. */
  readonly admission?: { readonly policy: FqName; readonly networks: readonly FqName[] };
  /** Its cluster addresses, the first is the load balancer's. At least one. */
  readonly addresses: readonly string[];
  /** How long a client keeps its backend (`sessionAffinity: ClientIP`), in seconds. */
  readonly affinitySeconds?: number;
  readonly traffic: BalancerTraffic;
  readonly ports: readonly ServicePortInput[];
  /** How its back ends are checked. */
  readonly healthCheck?: HealthCheckInput;
  /** Its addresses outside the cluster. */
  readonly external?: ExternalInput;
}

/** Everything under the key `Service/<namespace>/<name>`. The load balancer's UUID is the Service's UID. */
export function desiredService(input: ServiceInput, naming: Naming): readonly ContrailObject[] {
  const owner = ownerFor({ kind: 'Service', namespace: input.namespace, name: input.name }, naming);
  const vmi = serviceInterface(input, owner, naming);
  const loadbalancer = inProject(
    {
      type: 'loadbalancer',
      uuid: input.uid,
      fqName: naming.names.loadbalancer(input.namespace, input.name, input.uid),
    },
    owner,
    {
      display_name: `${input.namespace}__${input.name}`,
      loadbalancer_provider: 'native',
      loadbalancer_properties: {
        provisioning_status: 'ACTIVE',
        operating_status: 'ONLINE',
        vip_address: input.addresses[0],
        admin_state: true,
      },
      virtual_machine_interface_refs: [to(vmi.fq_name)],
      ...annotationsFor(owner, trafficAnnotations(input.traffic)),
    },
  );
  return [
    ...ownNetwork(input, owner, naming),
    vmi,
    ...input.addresses.map((address) => serviceAddress(input, { address, vmi, owner }, naming)),
    loadbalancer,
    ...floatingIps(input, { vmi, owner }, naming),
    ...portObjects(input, { loadbalancer, owner }),
  ];
}

/** The ports' objects, and who checks the back ends of those that can be asked. */
function portObjects(
  input: ServiceInput,
  context: { readonly loadbalancer: ContrailObject; readonly owner: Owner },
): readonly ContrailObject[] {
  const { healthCheck: check, ports } = input;
  const monitor = check && healthMonitor(check, context);
  const monitorFor = (protocol: string) => (check && isAskable(protocol, check) ? monitor : undefined);
  return [
    ...(monitor === undefined ? [] : [monitor]),
    ...ports.flatMap((port) => listenerObjects(input, port, { ...context, monitor: monitorFor(port.protocol) })),
  ];
}

/** A network of the Service's own, where apps are isolated: who carries its policy reaches it, and nothing besides. */
function ownNetwork({ network, admission }: ServiceInput, owner: Owner, { names }: Naming): readonly ContrailObject[] {
  if (admission === undefined) return [];
  const { policy, networks } = admission;
  const ends = { source: { policy }, destinations: [{ network }] };
  return [
    passPolicy({ fqName: policy, ...ends }, owner),
    flatNetwork({ fqName: network, ipam: names.serviceIpam, policies: [policy, names.ipFabricPolicy] }, owner),
    ...networks.map((fqName) => policyOn(networkEnd(fqName), policy)),
  ];
}

/** A network of ours, whose UUID follows from its name. */
export function networkEnd(fqName: FqName): End {
  return { type: 'virtual-network', uuid: uuidOf('virtual-network', fqName), fq_name: fqName };
}

/** The UUID of the interface that carries a Service's addresses. */
export function serviceInterfaceUuid(serviceUid: string): string {
  return partUuid(serviceUid, 'vmi');
}

function serviceInterface(input: ServiceInput, owner: Owner, { names }: Naming): ContrailObject {
  const uuid = serviceInterfaceUuid(input.uid);
  const fqName = names.serviceInterface(input.namespace, input.name, input.uid);
  return inProject({ type: 'virtual-machine-interface', uuid, fqName }, owner, {
    display_name: `${input.namespace}__${input.name}`,
    port_security_enabled: true,
    virtual_machine_interface_device_owner: 'K8S:LOADBALANCER',
    virtual_network_refs: [to(input.network)],
    security_group_refs: [to(names.defaultSecurityGroup(input.namespace))],
  });
}

function serviceAddress(
  input: ServiceInput,
  { address, vmi, owner }: { readonly address: string; readonly vmi: ContrailObject; readonly owner: Owner },
  { names }: Naming,
): ContrailObject {
  const family = address.includes(':') ? 'v6' : 'v4';
  const uuid = partUuid(vmi.uuid, 'iip', family);
  return {
    type: 'instance-ip',
    uuid,
    fq_name: names.serviceAddress(input.name, uuid),
    display_name: input.name,
    instance_ip_family: family,
    instance_ip_address: address,
    virtual_network_refs: [to(input.network)],
    virtual_machine_interface_refs: [to(vmi.fq_name)],
    ...annotationsFor(owner),
  };
}

/** Writes what was allocated for a pod onto the pod: `opencontrail.org/ports` and the CNCF network status, in one request. */
import { isIPv6 } from 'node:net';
import { macOf, podInterfaceUuid } from '../contrail/desired/pod.ts';
import type { ContrailObject, InstanceIp, Subnet } from '../contrail/objects.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import { FIRST_INTERFACE, formatPorts, type PodPort } from '../kubernetes/ports.ts';
import { messageOf } from '../runtime/errors.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { Deps } from './deps.ts';
import { interfacesOf, type PodInterface, type PodResults, type PodSubject } from './desired/pod.ts';
import { rememberKept } from './kept-addresses.ts';
import { subnetHolding, subnetText } from './subnets.ts';
import { withoutLength } from '../runtime/cidr.ts';

/** The gateway of every pod: link-local, answered by its node's vRouter (design 6). */
const GATEWAY = '169.254.1.1';
const GATEWAY_V6 = 'fe80::1';

/** Reads the pod's addresses back, writes the results where they differ, and yields the subject as it reads from then on. */
export async function writePodResult(subject: PodSubject, deps: Deps): Promise<PodSubject> {
  const ports = await readPorts(subject, deps);
  const before = subject.results;
  const results: PodResults = {
    assignment: before.assignment,
    ports: formatPorts({ uid: subject.uid, interfaces: ports }),
    networkStatus: networkStatus(ports),
  };
  if (before.ports !== results.ports || before.networkStatus !== results.networkStatus) {
    await patch(subject, results, deps);
  }
  await rememberKept(subject, ports, deps);
  return { ...subject, interfaces: interfacesOf({ version: 1, uid: subject.uid, interfaces: ports }), results };
}

async function readPorts(subject: PodSubject, deps: Deps): Promise<readonly PodPort[]> {
  const vmis = subject.interfaces.map(({ name }) => podInterfaceUuid(subject.uid, name));
  const addresses = await deps.contrail.list('instance-ip', { backRefId: vmis, detail: true });
  return await Promise.all(
    subject.interfaces.map(async (port, index) => {
      const networkId = await deps.names.uuidOf('virtual-network', port.network);
      const subnets = await deps.networks.subnetsOf(port.network);
      // Also in the moment in which Redis is lost: a guess would be written over what the running pod has.
      if (networkId === undefined || subnets === undefined)
        throw new Error(`virtual-network ${port.network.join(':')} is gone`);
      return portOf(port, { vmi: vmis[index] ?? '', networkId, addresses, subnets }, deps.settings);
    }),
  );
}

function portOf(
  port: PodInterface,
  made: {
    readonly vmi: string;
    readonly networkId: string;
    readonly addresses: readonly ContrailObject[];
    readonly subnets: readonly Subnet[];
  },
  settings: ClusterSettings,
): PodPort {
  const ips = made.addresses.flatMap((object) => {
    const { instance_ip_address: address, virtual_machine_interface_refs: refs } = object as InstanceIp; // Listed by type.
    return address !== undefined && refs?.some(({ uuid }) => uuid === made.vmi) ? [address] : [];
  });
  if (ips.length === 0) throw new Error(`interface ${port.name} has no address yet`);
  // IPv4 first, as the pod's status will have it.
  ips.sort((a, b) => Number(isIPv6(a)) - Number(isIPv6(b)));
  return {
    name: port.name,
    vmi: made.vmi,
    network: port.network.join(':'),
    networkId: made.networkId,
    mac: port.mac ?? macOf(made.vmi),
    ips: ips.map((ip) => `${ip}/${prefixLength(ip, made.subnets)}`),
    gateway: isIPv6(ips[0] ?? '') ? GATEWAY_V6 : GATEWAY,
    // The resolver is the pod's, not an interface's: the first names it.
    dns: port.name === FIRST_INTERFACE ? [...settings.dns] : [],
    mtu: settings.podMtu,
    ...routing(port, { ips, subnets: made.subnets }, settings),
  };
}

/** A further interface leads to all subnets of its network; the first, where the default route is another's, to services. */
function routing(
  { name, attachment, defaultRoute }: PodInterface,
  { ips, subnets }: { readonly ips: readonly string[]; readonly subnets: readonly Subnet[] },
  settings: ClusterSettings,
): Partial<PodPort> {
  if (name === FIRST_INTERFACE) {
    return defaultRoute ? {} : { defaultRoute, routes: settings.serviceSubnets.map(subnetText) };
  }
  const own = new Set(ips.map((ip) => subnetHolding(ip, subnets)));
  const others = subnets.filter((subnet) => !own.has(subnet)).map(subnetText);
  return { attachment, ...(defaultRoute ? { defaultRoute } : {}), ...(others.length === 0 ? {} : { routes: others }) };
}

/** The length of the subnet that an address lies in; that of a single address where it lies in none of the cluster's. */
export function prefixLength(address: string, subnets: readonly Subnet[]): number {
  return subnetHolding(address, subnets)?.ip_prefix_len ?? (isIPv6(address) ? 128 : 32);
}

/** The CNCF form (Network Plumbing Working Group, "Network Status Annotation"). */
function networkStatus(ports: readonly PodPort[]): string {
  return JSON.stringify(
    ports.map(({ name, network, mac, ips, dns, attachment }, index) => ({
      name: attachment ?? network.split(':').slice(1).join('/'),
      interface: name,
      ips: ips.map(withoutLength),
      mac,
      default: index === 0,
      dns: dns.length === 0 ? {} : { nameservers: dns },
    })),
  );
}

/**
 * Through `pods/status`, so that workers need no right to change pods (control-plane 1.16). The UID in the body makes the
 * API server refuse when the name belongs to another pod by now; that pod has a run of its own.
 */
async function patch(subject: PodSubject, results: PodResults, deps: Deps): Promise<void> {
  const path = `/api/v1/namespaces/${subject.namespace}/pods/${subject.name}/status`;
  const annotations = {
    [ANNOTATION.assignment]: results.assignment,
    [ANNOTATION.ports]: results.ports,
    [ANNOTATION.networkStatus]: results.networkStatus,
  };
  try {
    await deps.kube.patch(path, { metadata: { uid: subject.uid, annotations } }, 'application/merge-patch+json', {
      signal: deps.signal,
    });
  } catch (error) {
    if (hasStatus(error, 404) || isAnothersUid(error)) return;
    throw error;
  }
}

/** The API server's words for a UID that is not the pod's: `metadata.uid: Invalid value: "…": field is immutable`. */
function isAnothersUid(error: unknown): boolean {
  return (hasStatus(error, 422) || hasStatus(error, 409)) && /\buid\b/i.test(messageOf(error));
}

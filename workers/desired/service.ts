/** A Service and its EndpointSlices as the load balancer they ask for. Pure. */
import type { ExternalInput } from '../../contrail/desired/external.ts';
import type { BackendInput, ServicePortInput } from '../../contrail/desired/listener.ts';
import type { ServiceInput } from '../../contrail/desired/service.ts';
import { podInterfaceUuid } from '../../contrail/desired/pod.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { parseHealthCheck } from '../../kubernetes/health-check.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import type { SlimEndpoint, SlimEndpointSlice, SlimServicePort } from '../../kubernetes/services.ts';
import { problemText } from '../../kubernetes/problems.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import { isServed, isSystemService, type WorkerService } from '../services.ts';
import type { PartialProblem } from '../tell.ts';
import { namespaceMode, networksAdmitted, serviceNetworkOf } from './namespace.ts';

export interface ServiceSubject {
  readonly service: WorkerService;
  readonly namespace: SlimNamespace;
  readonly slices: readonly SlimEndpointSlice[];
  /** The namespace's pods in a network. */
  readonly podsIn: (network: string) => readonly SlimPod[];
  /** Whether some pod of the namespace is in the network of an app. */
  readonly hasAppsLeft: () => boolean;
  /** The addresses of a node: an endpoint that has one of them is a pod of the host's network, which has no port of ours. */
  readonly nodeIps: (node: string) => readonly string[];
}

/** What a Service asks for, and what cannot be done of it. */
export interface AskedService extends ServiceInput {
  /** What it asks other pools for, in turn, where the one of `external` has no address left. */
  readonly elsewhere?: readonly ExternalInput[];
  /** Pools that had none left. */
  readonly exhausted?: readonly string[];
  readonly problem?: PartialProblem;
  /** Why it has not the addresses outside that it asks for; those that it has it keeps. */
  readonly refusal?: PartialProblem;
  /** No pool serves it any more, and its status still says an address of ours. */
  readonly isWithdrawn?: boolean;
}

/** What to make of a Service; `undefined` for headless ones and ExternalName, which have no address, and for those that others serve. */
export function serviceInput(subject: ServiceSubject, settings: ClusterSettings): AskedService | undefined {
  const { service } = subject;
  if (!isServed(service)) return undefined;
  const { namespace: home, name, uid, affinitySeconds, traffic, clusterIPs } = service;
  return {
    namespace: home,
    name,
    uid,
    ...(affinitySeconds === undefined ? {} : { affinitySeconds }),
    traffic,
    ...placeOf(subject, settings),
    addresses: clusterIPs,
    ports: service.ports.flatMap((port) => portInput(port, subject)),
    ...healthCheckOf(service),
  };
}

/** A check that is not understood is not done; the Service is served as if none were asked for. */
function healthCheckOf({ annotations }: WorkerService): Pick<AskedService, 'healthCheck' | 'problem'> {
  const text = annotations[ANNOTATION.healthCheck];
  if (text === undefined) return {};
  const parsed = parseHealthCheck(text);
  if (parsed.ok) return { healthCheck: parsed.value };
  const message = problemText({ annotation: ANNOTATION.healthCheck, value: text, ...parsed });
  return { problem: { reason: 'HealthCheckRefused', message } };
}

/** The network of a Service's address, and what is its own of it. */
function placeOf(subject: ServiceSubject, settings: ClusterSettings): Pick<ServiceInput, 'network' | 'admission'> {
  const { names } = settings;
  const { service, namespace, podsIn } = subject;
  if (isSystemService(service, settings)) return { network: names.systemServiceNetwork };
  if (!hasOwnNetworks(namespace, subject, settings)) return { network: serviceNetworkOf(namespace, podsIn, settings) };
  const admitted = networksAdmitted(namespace, { app: service.app, podsIn }, settings);
  return {
    network: names.appServiceNetwork(service.namespace, service.name),
    admission: { policy: names.appServicePolicy(service.namespace, service.name), networks: admitted },
  };
}

/** Services stay apart, where a namespace has become one whole, until the last pod has left its app's network. */
function hasOwnNetworks(namespace: SlimNamespace, { hasAppsLeft }: ServiceSubject, settings: ClusterSettings): boolean {
  const mode = namespaceMode(namespace, settings);
  return mode === 'app' || (mode === 'namespace' && hasAppsLeft());
}

function portInput(port: SlimServicePort, subject: ServiceSubject): readonly ServicePortInput[] {
  const { name, protocol, nodePort } = port;
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') return [];
  const backends = subject.slices.flatMap((slice) => backendsOf(slice, { name, protocol }, subject));
  const onNodes = nodePort === undefined ? {} : { nodePort };
  // Sorted, since the order of slices in a cache is that of their arrival, and replicas compare digests.
  return [{ name, protocol, port: port.port, ...onNodes, backends: backends.sort(byAddress) }];
}

function backendsOf(
  slice: SlimEndpointSlice,
  wanted: { readonly name: string; readonly protocol: string },
  { nodeIps }: ServiceSubject,
): readonly BackendInput[] {
  const target = slice.ports.find(({ name, protocol }) => name === wanted.name && protocol === wanted.protocol);
  if (target === undefined || slice.addressType === 'FQDN' || slice.isForOthers === true) return [];
  return slice.endpoints
    .filter(({ ready, draining }) => ready || draining === true)
    .flatMap((endpoint) => backend(endpoint, target.port, nodeIps));
}

/** All addresses of an endpoint are the same backend; the first stands for it (EndpointSlice API). */
function backend(
  { addresses, pod, nodeName, ready, hints }: SlimEndpoint,
  port: number,
  nodeIps: ServiceSubject['nodeIps'],
): readonly BackendInput[] {
  const [address] = addresses;
  if (address === undefined) return [];
  const onHost = nodeName !== undefined && nodeIps(nodeName).includes(address);
  const behind = pod === undefined || onHost ? {} : { pod: { vm: pod.uid, vmi: podInterfaceUuid(pod.uid, 'eth0') } };
  const placement = { ...(nodeName === undefined ? {} : { node: nodeName }), ...hints };
  return [{ address, port, ...behind, placement, ...(ready ? {} : { draining: true }) }];
}

function byAddress(a: BackendInput, b: BackendInput): number {
  return a.address.localeCompare(b.address) || a.port - b.port;
}

/** What the words of a command line mean: a pod, a Service or an address. */
import { isIP, isIPv6 } from 'node:net';
import type { KubeClient } from '../../kubernetes/client.ts';
import { type SlimService, slimService } from '../../kubernetes/services.ts';
import type { Directory, PodEnd } from '../reach/directory.ts';
import { named } from '../reach/named.ts';
import type { Flow, Protocol } from './model.ts';
import { withoutLength } from '../../runtime/cidr.ts';

interface Asked {
  readonly protocol: Protocol;
  /** Absent: a Service's first port, and 80 of anything else. */
  readonly port?: number;
}

const DEFAULT_PORT = 80;

/** The flow that `from` and `to` mean. Throws in words where there is no such thing. */
export async function flowOf(
  { from, to, ...asked }: Asked & { readonly from: string; readonly to: string },
  { kube, directory }: { readonly kube: KubeClient; readonly directory: Directory },
): Promise<Flow> {
  const source = await podNamed(from, directory);
  if (source === undefined) throw new Error(`there is no pod ${from}: name one as <namespace>/<name>`);
  const { protocol } = asked;
  const port = protocol === 'ICMP' ? 0 : (asked.port ?? DEFAULT_PORT);
  if (isIP(to) !== 0) return { source, to, what: to, protocol, port };
  const pod = to.startsWith('svc/') ? undefined : await podNamed(to, directory);
  if (pod === undefined) return await flowToService(source, { ...asked, name: to.replace(/^svc\//, '') }, kube);
  const isPod = !pod.hostNetwork;
  return { source, to: addressTowards(pod, source), what: `pod ${to}`, isPod, protocol, port };
}

async function podNamed(text: string, directory: Directory): Promise<PodEnd | undefined> {
  const pod = named(text);
  return pod && (await directory.pod(pod.namespace, pod.name));
}

/** Of the family that the sender has. */
function addressTowards(pod: PodEnd, source: PodEnd): string {
  const addresses = addressesOf(pod);
  const mine = addressesOf(source);
  return addresses.find((address) => mine.some((own) => isIPv6(own) === isIPv6(address))) ?? addresses[0] ?? '';
}

function addressesOf({ hostNetwork, hostIP, interfaces }: PodEnd): readonly string[] {
  return hostNetwork ? [hostIP] : (interfaces[0]?.ips ?? []).map(withoutLength);
}

async function flowToService(
  source: PodEnd,
  { name: text, protocol, port: wanted }: Asked & { readonly name: string },
  kube: KubeClient,
): Promise<Flow> {
  const service = named(text);
  const raw = service && (await kube.get(`/api/v1/namespaces/${service.namespace}/services/${service.name}`));
  if (raw === undefined) throw new Error(`there is no pod and no Service ${text}: name one as <namespace>/<name>`);
  const { clusterIPs, ports } = slimService(raw);
  const [to] = clusterIPs;
  if (to === undefined) throw new Error(`Service ${text} has no address of its own: ask for one of its pods`);
  const port = portOf({ text, ports }, { protocol, ...(wanted === undefined ? {} : { port: wanted }) });
  return { source, to, what: `service ${text}`, protocol, port };
}

function portOf(
  { text, ports }: { readonly text: string; readonly ports: SlimService['ports'] },
  { protocol, port }: Asked,
): number {
  const own = ports.filter((each) => each.protocol === protocol && each.port === (port ?? each.port));
  if (own[0] !== undefined) return own[0].port;
  const has = ports.map((each) => `${each.protocol} ${each.port}`).join(', ');
  throw new Error(
    `Service ${text} has no port ${protocol} ${port ?? ''}; it has ${has}: name one by --port and --protocol`,
  );
}

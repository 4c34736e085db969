/** What a node with thirty pods is sent, and the rules and routes it makes of it, in a large cluster against a small one. */
import { apply } from '../contrail/apply.ts';
import { desiredCluster } from '../contrail/desired/cluster.ts';
import { desiredNamespace } from '../contrail/desired/namespace.ts';
import { desiredNode } from '../contrail/desired/node.ts';
import { desiredPod } from '../contrail/desired/pod.ts';
import { desiredVirtualNetwork } from '../contrail/desired/virtual-network.ts';
import { createNames, IP_FABRIC, tapName, uuidOf } from '../contrail/names.ts';
import type { ContrailObject, FqName } from '../contrail/objects.ts';
import { plan } from '../contrail/plan.ts';
import { watchConfig } from '../contrail/watch.ts';
import { createLogger } from '../runtime/log.ts';
import { compile } from '../vrouter/compile/compile.ts';
import { render } from '../vrouter/linux/render.ts';
import { type ConfigApi, inTurns, startConfigApi } from './config-api.ts';
import { ratioLine } from './statistics.ts';

const ON_NODE = 30;
const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
const naming = { cluster: 'k8s', names };

interface Size {
  readonly networks: number;
  readonly pods: number;
}

const SMALL: Size = { networks: 10, pods: 100 };
const LARGE: Size = { networks: 1_000, pods: 10_000 };

/** Isolated namespaces, whose pods every node may reach, and networks of users' own, which are islands. */
export async function shareOfNode(): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const kind of ['isolated namespaces', 'networks of users’ own'] as const) {
    const [small, large] = [await share(SMALL, kind), await share(LARGE, kind)];
    const where = `${kind}, ${LARGE.networks} networks and ${LARGE.pods} pods against ${SMALL.networks} and ${SMALL.pods}`;
    for (const what of ['objects sent', 'routes', 'rules'] as const)
      lines.push(ratioLine(`${what} on a node with ${ON_NODE} pods (${where})`, large[what], small[what], ''));
  }
  return lines;
}

type Kind = 'isolated namespaces' | 'networks of users’ own';
type Share = Readonly<Record<'objects sent' | 'routes' | 'rules', number>>;

async function share(size: Size, kind: Kind): Promise<Share> {
  const api = await startConfigApi();
  try {
    await fill(api, size, kind);
    const objects = await sentTo('n0', api);
    const state = compile({ objects }, 'n0');
    const bindings = new Map(state.ports.map(({ vmi }) => [vmi, tapName(vmi)]));
    const { sets, entries } = render(state, bindings, { device: 'ocvx0', vxlanPort: 4789 });
    if (state.ports.length !== ON_NODE) throw new Error(`n0 has ${state.ports.length} pods`);
    return {
      'objects sent': objects.size,
      routes: [...entries.v4.keys()].filter((key) => key.startsWith('route ')).length,
      rules: [...sets.values()].reduce((sum, elements) => sum + elements.size, 0),
    };
  } finally {
    await api.stop();
  }
}

async function sentTo(node: string, { contrail }: ConfigApi): Promise<ReadonlyMap<string, ContrailObject>> {
  const stop = new AbortController();
  return await new Promise((resolve, reject) => {
    const onChange = ({ objects }: { readonly objects: ReadonlyMap<string, ContrailObject> }): void => {
      resolve(new Map(objects));
      stop.abort();
    };
    const log = createLogger('bench', 'warn');
    watchConfig({ client: contrail, node, onChange, signal: stop.signal, log }).catch(reject);
  });
}

/** No way of its own to the underlay. */
const NO_FLAGS = { snat: false, forwarding: false };

async function fill({ contrail }: ConfigApi, { networks, pods }: Size, kind: Kind): Promise<void> {
  const make = async (desired: readonly ContrailObject[]): Promise<void> =>
    await apply(plan(desired, []), { client: contrail });
  const fabric = { type: 'virtual-network', uuid: (await contrail.fqNameToUuid('virtual-network', IP_FABRIC)) ?? '' };
  const [podSubnets, serviceSubnets] = [[subnet('10.32.0.0')], [subnet('10.96.0.0')]];
  const ipFabric = { ...fabric, fq_name: IP_FABRIC };
  await make(desiredCluster({ podSubnets, serviceSubnets, ipFabric, ...NO_FLAGS }, naming));
  const nodes = Math.ceil(pods / ON_NODE);
  await inTurns(nodes, 16, async (node) =>
    make(desiredNode({ name: `n${node}`, internalIps: [addressOf(node)] }, naming)),
  );
  const isIsolated = kind === 'isolated namespaces';
  const namespaces = isIsolated ? networks / 2 : networks;
  await inTurns(namespaces, 16, async (index) => {
    const name = `ns-${index}`;
    await make(desiredNamespace({ name, uid: uuidOf('namespace', [name]), isolated: isIsolated, ...NO_FLAGS }, naming));
    const subnets = [{ cidr: '10.20.0.0/16' }];
    if (!isIsolated) await make(desiredVirtualNetwork({ namespace: name, name: 'own', subnets, ...NO_FLAGS }, naming));
  });
  // The first pods of all are on the first node: of one namespace in three.
  await inTurns(pods, 32, async (index) => {
    const node = Math.floor(index / ON_NODE);
    const namespace = `ns-${(node * 3 + (index % 3)) % namespaces}`;
    await make(
      podOn(
        { index, node, namespace },
        isIsolated ? names.podNetwork(namespace) : names.virtualNetwork(namespace, 'own'),
      ),
    );
  });
}

function podOn(
  { index, node, namespace }: { readonly index: number; readonly node: number; readonly namespace: string },
  network: FqName,
): readonly ContrailObject[] {
  const name = `p${index}`;
  const router = names.virtualRouter(`n${node}`);
  const port = { name: 'eth0', network, label: 'default', addresses: [], families: ['v4'] as const };
  return desiredPod(
    {
      namespace,
      name,
      uid: uuidOf('pod', [namespace, name]),
      labels: {},
      virtualRouter: { type: 'virtual-router', uuid: uuidOf('virtual-router', router), fq_name: router },
      interfaces: [port],
    },
    naming,
  );
}

function subnet(prefix: string) {
  return { ip_prefix: prefix, ip_prefix_len: 12 };
}

function addressOf(node: number): string {
  return `192.168.${Math.floor(node / 200)}.${1 + (node % 200)}`;
}

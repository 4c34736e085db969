/** What a node with thirty pods is sent, and the rules and routes it makes of it, in a large cluster against a small one. */
import { apply } from '../contrail/apply.ts';
import { desiredCluster } from '../contrail/desired/cluster.ts';
import { desiredNamespace } from '../contrail/desired/namespace.ts';
import { desiredNode } from '../contrail/desired/node.ts';
import { desiredPod } from '../contrail/desired/pod.ts';
import { desiredVirtualNetwork } from '../contrail/desired/virtual-network.ts';
import { guidesOf } from '../contrail/guides.ts';
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
    const [small, large] = [await shares(SMALL, kind), await shares(LARGE, kind)];
    const where = `${kind}, ${LARGE.networks} networks and ${LARGE.pods} pods against ${SMALL.networks} and ${SMALL.pods}`;
    // Guides have more where nodes reach pods: elsewhere there is nobody to lead.
    for (const who of kind === 'isolated namespaces' ? (['node', 'guide'] as const) : (['node'] as const))
      for (const what of ['objects sent', 'routes', 'rules'] as const)
        lines.push(
          ratioLine(`${what} on a ${who} with ${ON_NODE} pods (${where})`, large[who][what], small[who][what], ''),
        );
  }
  return lines;
}

type Kind = 'isolated namespaces' | 'networks of users’ own';
type Share = Readonly<Record<'objects sent' | 'routes' | 'rules', number>>;

/** What a node has, and what one of the guides, which lead the others' own packets to pods (ADR 0009). */
async function shares(size: Size, kind: Kind): Promise<Readonly<Record<'node' | 'guide', Share>>> {
  const api = await startConfigApi();
  try {
    await fill(api, size, kind);
    const nodes = nodesOf(size);
    const guides = guidesOf(nodes);
    const node = nodes.find((name) => !guides.includes(name)) ?? '';
    return { node: await share(node, api), guide: await share(guides[0] ?? '', api) };
  } finally {
    await api.stop();
  }
}

async function share(node: string, api: ConfigApi): Promise<Share> {
  const objects = await sentTo(node, api);
  const state = compile({ objects }, node);
  const bindings = new Map(state.ports.map(({ vmi }) => [vmi, tapName(vmi)]));
  const { sets, entries } = render(state, bindings, { device: 'ocvx0', vxlanPort: 4789 });
  if (state.ports.length !== ON_NODE) throw new Error(`${node} has ${state.ports.length} pods`);
  return {
    'objects sent': objects.size,
    routes: [...entries.v4.keys()].filter((key) => key.startsWith('route ')).length,
    rules: [...sets.values()].reduce((sum, elements) => sum + elements.size, 0),
  };
}

function nodesOf({ pods }: Size): readonly string[] {
  return Array.from({ length: Math.ceil(pods / ON_NODE) }, (_, node) => `n${node}`);
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

async function fill({ contrail }: ConfigApi, size: Size, kind: Kind): Promise<void> {
  const { networks, pods } = size;
  const make = async (desired: readonly ContrailObject[]): Promise<void> =>
    await apply(plan(desired, []), { client: contrail });
  const fabric = { type: 'virtual-network', uuid: (await contrail.fqNameToUuid('virtual-network', IP_FABRIC)) ?? '' };
  const [podSubnets, serviceSubnets] = [[subnet('10.32.0.0')], [subnet('10.96.0.0')]];
  const ipFabric = { ...fabric, fq_name: IP_FABRIC };
  await make(desiredCluster({ podSubnets, serviceSubnets, ipFabric, ...NO_FLAGS }, naming));
  const nodes = nodesOf(size);
  await inTurns(nodes.length, 16, async (node) =>
    make(desiredNode({ name: nodes[node] ?? '', internalIps: [addressOf(node)] }, naming)),
  );
  const isIsolated = kind === 'isolated namespaces';
  const namespaces = isIsolated ? networks / 2 : networks;
  await inTurns(namespaces, 16, async (index) => {
    const name = `ns-${index}`;
    await make(desiredNamespace({ name, uid: uuidOf('namespace', [name]), isolated: isIsolated, ...NO_FLAGS }, naming));
    const subnets = [{ cidr: '10.20.0.0/16' }];
    if (!isIsolated) await make(desiredVirtualNetwork({ namespace: name, name: 'own', subnets, ...NO_FLAGS }, naming));
  });
  // Each node has pods of three namespaces.
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

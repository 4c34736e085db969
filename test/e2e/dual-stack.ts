/**
 * Both families: pods have an address of each, and reach pods and services of both kinds over both, on the same node and another;
 * isolation holds for both. On a lab of one family only the further interfaces are of two.
 */
import type { LabHandle } from '../lab/handle.ts';
import type { Reporter } from './reporter.ts';

const SHARED = 'dual-shared';
const ISOLATED = 'dual-isolated';
const PORTS = { http: 8080, udp: 8081 } as const;

interface Peer {
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly services: readonly string[];
}

/** Run by `npm run e2e -- dual-stack`, on a lab that was brought up with `--dual-stack`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const kubernetes = await lab.get<{ readonly items: readonly { readonly spec: { readonly cidr: string } }[] }>([
    'servicecidrs',
  ]);
  if (!JSON.stringify(kubernetes?.items ?? []).includes('fd00:')) {
    report.note('this lab has one family: npm run lab -- up --dual-stack');
    report.ok('nothing to see on a lab of one family');
    return;
  }
  await lab.createNamespace(SHARED);
  await lab.createNamespace(ISOLATED, { annotations: { 'opencontrail.org/isolation': 'true' } });
  const wanted = [SHARED, ISOLATED].flatMap((namespace) =>
    lab.nodes.slice(0, 2).map((node, index) => ({ namespace, node, name: index === 0 ? 'near' : 'far' })),
  );
  await lab.apply(wanted.flatMap(objectsFor));
  for (const namespace of [SHARED, ISOLATED]) await lab.podsReady(namespace);
  const peers = await Promise.all(wanted.map((each) => peerOf(each, lab)));
  for (const peer of peers) {
    report.equal(`${peer.namespace}/${peer.name} has an address of each family`, families(peer.addresses), [
      'v4',
      'v6',
    ]);
    report.equal(`${peer.namespace}/${peer.name}'s service too`, families(peer.services), ['v4', 'v6']);
  }
  for (const from of peers) await Promise.all(peers.map((to) => probe(from, to, { lab, report })));
  await fromNodes(peers, { lab, report });
}

async function probe(
  from: Peer,
  to: Peer,
  { lab, report }: { readonly lab: LabHandle; readonly report: Reporter },
): Promise<void> {
  // Facts 3.2: pods of isolated namespaces reach cluster services, and nobody but their own reaches theirs.
  const own = from.namespace === to.namespace;
  const targets = [
    ...(from === to ? [] : to.addresses.map((host) => ({ host, what: 'pod', expected: own }))),
    ...to.services.map((host) => ({ host, what: 'service', expected: own || to.namespace === SHARED })),
  ];
  const probes = targets.flatMap((target) => (['http', 'udp'] as const).map((protocol) => ({ ...target, protocol })));
  await Promise.all(
    probes.map(async ({ host, what, expected, protocol }) => {
      const title = `${from.namespace}/${from.name} → ${what} ${to.namespace}/${to.name} ${family(host)} ${protocol}`;
      await report.check(`${title} ${expected ? 'answers' : 'is silent'}`, async () => {
        const ask = async (): Promise<string | undefined> => await dial(lab, from, { host, protocol });
        const answer = expected ? await lab.waitFor('an answer', ask, { timeoutMs: 20_000 }) : await ask();
        const want = expected ? `${to.namespace}-${to.name}` : undefined;
        if (answer !== want) throw new Error(`${String(answer)} answered`);
      });
    }),
  );
}

/** Nodes reach pods, and pods of all networks reach nodes, over IPv6 as over IPv4. */
async function fromNodes(
  peers: readonly Peer[],
  { lab, report }: { readonly lab: LabHandle; readonly report: Reporter },
): Promise<void> {
  for (const node of lab.nodes.slice(0, 2)) {
    for (const { namespace, name, addresses } of peers) {
      for (const address of addresses) {
        const { code } = await lab.exec(node, ['ping', '-c', '1', '-W', '3', address]);
        report.equal(`node ${node} → pod ${namespace}/${name} ${family(address)}`, code, 0);
      }
    }
  }
}

/** What agnhost's peer answers at an address, its host name, or `undefined`. */
async function dial(
  lab: LabHandle,
  from: Peer,
  to: { readonly host: string; readonly protocol: 'http' | 'udp' },
): Promise<string | undefined> {
  const query = `host=${encodeURIComponent(to.host)}&protocol=${to.protocol}&port=${PORTS[to.protocol]}&request=hostname&tries=1`;
  const command = `timeout 7 wget -q -O - 'http://127.0.0.1:8080/dial?${query}'`;
  const { stdout } = await lab.execInPod({ ...from, container: 'shell' }, ['sh', '-c', command]);
  return /"responses":\["([^"]+)"/.exec(stdout)?.[1];
}

async function peerOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  lab: LabHandle,
): Promise<Peer> {
  const pod = await lab.get<{ readonly status: { readonly podIPs: readonly { readonly ip: string }[] } }>([
    'pod',
    name,
    '-n',
    namespace,
  ]);
  const service = await lab.get<{ readonly spec: { readonly clusterIPs: readonly string[] } }>([
    'service',
    name,
    '-n',
    namespace,
  ]);
  return {
    namespace,
    name,
    addresses: (pod?.status.podIPs ?? []).map(({ ip }) => ip),
    services: service?.spec.clusterIPs ?? [],
  };
}

function family(address: string): string {
  return address.includes(':') ? 'v6' : 'v4';
}

function families(addresses: readonly string[]): readonly string[] {
  return addresses.map(family).sort();
}

function objectsFor({
  namespace,
  name,
  node,
}: {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
}): readonly object[] {
  const image = { imagePullPolicy: 'Never' };
  const peer = {
    ...image,
    name: 'peer',
    image: 'docker.io/library/agnhost:lab',
    args: ['netexec', `--http-port=${PORTS.http}`, `--udp-port=${PORTS.udp}`],
    readinessProbe: { httpGet: { path: '/hostname', port: PORTS.http }, periodSeconds: 1 },
  };
  const ports = [
    { name: 'http', protocol: 'TCP', port: PORTS.http },
    { name: 'udp', protocol: 'UDP', port: PORTS.udp },
  ];
  return [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name, labels: { peer: name } },
      spec: {
        nodeName: node,
        hostname: `${namespace}-${name}`,
        terminationGracePeriodSeconds: 0,
        containers: [peer, { ...image, name: 'shell', image: 'docker.io/library/busybox:lab' }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name },
      spec: { selector: { peer: name }, ports, ipFamilyPolicy: 'PreferDualStack' },
    },
  ];
}

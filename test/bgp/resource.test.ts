/** BGPRouters on a real API server: what it refuses and with which words, and what nodes say in the status. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createReporter } from '../../bgp/report.ts';
import { BGP_ROUTERS, type BgpSession, type SlimBgpRouter, slimBgpRouter } from '../../kubernetes/bgp-router.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { installResources } from '../kubernetes/resources.ts';
import { eventually, freePort, startProgram } from '../workers/programs.ts';
import { hasSpeakers } from './frr.ts';

jest.setTimeout(120_000);

const described = hasApiServer ? describe : describe.skip;
const NAMESPACE = 'default';
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const NEIGHBOR = { address: '192.0.2.1', asn: 64513 };
const UP: BgpSession = { address: NEIGHBOR.address, state: 'Established', sent: 2, received: 1 };

let server: TestApiServer;
let kube: KubeClient;

const manifest = (name: string, spec: object): object => ({
  apiVersion: 'opencontrail.org/v1alpha1',
  kind: 'BGPRouter',
  metadata: { name },
  spec: { asn: 64512, neighbors: [NEIGHBOR], ...spec },
});

async function read(name: string): Promise<SlimBgpRouter> {
  const raw = await kube.get(`${BGP_ROUTERS}/${name}`);
  if (raw === undefined) throw new Error(`there is no BGPRouter ${name}`);
  return slimBgpRouter(raw);
}

/** The pod of the program on a node. */
async function createProgram(node: string, isReady: boolean): Promise<void> {
  const labels = { 'app.kubernetes.io/name': 'opencontrail', 'app.kubernetes.io/component': 'bgp' };
  const spec = { nodeName: node, containers: [{ name: 'bgp', image: 'bgp' }] };
  await kube.post(PODS, { metadata: { name: `bgp-${node}`, labels }, spec });
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  await kube.patch(`${PODS}/bgp-${node}/status`, { status: { conditions } });
}

const endProgram = async (node: string): Promise<unknown> => kube.delete(`${PODS}/bgp-${node}?gracePeriodSeconds=0`);

/** What a node's program does in a round. */
async function tell(node: string, session: BgpSession | undefined): Promise<void> {
  await createReporter(kube, { node, namespace: NAMESPACE }).tell(
    await read('tor'),
    session === undefined ? undefined : [session],
  );
}

async function ready() {
  const { conditions } = (await read('tor')).status;
  return conditions.map(({ type, status, reason, message }) => [type, status, reason, message].join(' '));
}

described('a BGPRouter', () => {
  beforeAll(async () => {
    server = await startApiServer();
    kube = server.client();
    await installResources(kube);
  }, 120_000);

  afterAll(async () => server?.stop());

  test.each([
    ['a name', { neighbors: [{ address: 'tor.example', asn: 1 }] }, /must be an IP address/],
    ['an address in a long form', { neighbors: [{ address: '2001:DB8:0::1', asn: 1 }] }, /its shortest form/],
    ['a link-local neighbor', { neighbors: [{ address: 'fe80::1', asn: 1 }] }, /not link-local/],
    ['a neighbor twice', { neighbors: [NEIGHBOR, NEIGHBOR] }, /Duplicate value/],
    ['no neighbor', { neighbors: [] }, /at least 1 items/],
    ['a system that cannot be', { asn: 4294967296 }, /less than or equal to 4294967294/],
    ['a community of large parts', { communities: ['70000:1'] }, /numbers to 65535/],
    ['a prefix with bits beyond', { learn: { prefixes: ['10.0.0.1/8'] } }, /bits beyond their length/],
    [
      'what nobody can announce',
      { announce: ['Nodes'] },
      /supported values: "FloatingIPs", "LogicalRouters", "Pods", "Services"/,
    ],
    [
      'a selector without values',
      { nodeSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
      /need values/,
    ],
  ])('is refused with %s', async (_what, spec, message) => {
    await expect(kube.post(BGP_ROUTERS, manifest('refused', spec))).rejects.toThrow(message);
  });

  test('has an entry of each node, and a condition that sums them up', async () => {
    await kube.post(
      BGP_ROUTERS,
      manifest('tor', { communities: ['64512:1:100000'], neighbors: [{ ...NEIGHBOR, bfd: {} }] }),
    );
    expect((await read('tor')).neighbors[0]?.bfd).toEqual({ intervalMilliseconds: 300, multiplier: 3 });
    for (const [name, isReady] of [
      ['n1', true],
      ['n2', true],
      ['n3', false],
    ] as const)
      await createProgram(name, isReady);
    await tell('n1', UP);
    await tell('n2', { address: UP.address, state: 'Active', reason: 'NotEstablished', message: 'Connection refused' });
    await tell('n1', UP);
    expect((await read('tor')).status.nodes.map(({ name }) => name)).toEqual(['n1', 'n2']);
    expect(await ready()).toEqual(['Ready False NotEstablished n2 → 192.0.2.1: Connection refused']);
    expect((await read('tor')).status.sessions).toBe('1/2');
    await tell('n2', UP);
    await tell('n1', UP);
    expect(await ready()).toEqual(['Ready True Established all sessions of 2 node(s) are established']);
    expect((await read('tor')).status.sessions).toBe('2/2');
    const before = (await read('tor')).status;
    await tell('n1', UP);
    expect((await read('tor')).status).toEqual(before);
  });

  test('does not believe a node whose program is not Ready, and forgets one that has none or is not selected', async () => {
    await tell('n3', UP);
    await tell('n1', UP);
    expect(await ready()).toEqual(['Ready False NotEstablished n3 → 192.0.2.1: the program bgp is not Ready there']);
    await tell('n3', undefined);
    await endProgram('n1');
    await tell('n2', UP);
    expect((await read('tor')).status.nodes.map(({ name }) => name)).toEqual(['n2']);
    await tell('n2', UP);
    expect(await ready()).toEqual(['Ready True Established all sessions of 1 node(s) are established']);
  });

  test('has no condition when it selects no node any more', async () => {
    await tell('n2', undefined);
    await tell('n2', undefined);
    expect((await read('tor')).status).toEqual({ nodes: [], conditions: [] });
  });

  (hasSpeakers ? test : test.skip)('its program speaks under the address that the node has now', async () => {
    await kube.delete(`${BGP_ROUTERS}/tor`);
    await node('192.0.2.1');
    const nothing = { floating: [], services: [], routers: [], subnets: [] };
    const port = await freePort();
    const vrouter = createServer((_request, response) => void response.end(JSON.stringify(nothing)));
    vrouter.listen(port, '127.0.0.1');
    const folder = mkdtempSync(join(tmpdir(), 'oc-bgp-'));
    const program = startProgram('bgp/main.ts', {
      node: 'n9',
      'node-ip': '192.0.2.9',
      kubeconfig: server.kubeconfig(),
      vrouter: `http://127.0.0.1:${port}`,
      folder,
      'password-dir': join(folder, 'none'),
      listen: `127.0.0.1:${await freePort()}`,
    });
    const speaksAs = async (address: string): Promise<unknown> =>
      eventually(async () => readFileSync(join(folder, 'bird.conf'), 'utf8').includes(`router id ${address};`));
    try {
      await speaksAs('192.0.2.1');
      await node('192.0.2.2');
      await speaksAs('192.0.2.2');
    } finally {
      await program.kill('SIGTERM');
      await new Promise((resolve) => vrouter.close(resolve));
      rmSync(folder, { recursive: true });
    }
  });
});

/** Makes the program's node, or gives it another address, as its kubelet would. */
async function node(address: string): Promise<void> {
  await kube.post('/api/v1/nodes', { metadata: { name: 'n9' } }).catch(() => undefined);
  await kube.patch('/api/v1/nodes/n9/status', { status: { addresses: [{ type: 'InternalIP', address }] } });
}

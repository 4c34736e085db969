/** BGPRouters on a real API server: what it refuses and with which words, and what nodes say in the status. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createReporter } from '../../bgp/report.ts';
import { BGP_ROUTERS, type BgpSession, type SlimBgpRouter, slimBgpRouter } from '../../kubernetes/bgp-router.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { installResources } from '../kubernetes/resources.ts';

jest.setTimeout(120_000);

const described = hasApiServer ? describe : describe.skip;
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

async function createNode(name: string, isReady: boolean): Promise<void> {
  await kube.post('/api/v1/nodes', { metadata: { name } });
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'Unknown' }];
  await kube.patch(`/api/v1/nodes/${name}/status`, { status: { conditions } });
}

/** What a node's program does in a round. */
async function tell(node: string, session: BgpSession | undefined): Promise<void> {
  await createReporter(kube, node).tell(await read('tor'), session === undefined ? undefined : [session]);
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
      await createNode(name, isReady);
    await tell('n1', UP);
    await tell('n2', { address: UP.address, state: 'Active', reason: 'NotEstablished', message: 'Connection refused' });
    await tell('n1', UP);
    expect((await read('tor')).status.nodes.map(({ name }) => name)).toEqual(['n1', 'n2']);
    expect(await ready()).toEqual(['Ready False NotEstablished n2 → 192.0.2.1: Connection refused']);
    await tell('n2', UP);
    await tell('n1', UP);
    expect(await ready()).toEqual(['Ready True Established all sessions of 2 node(s) are established']);
    const before = (await read('tor')).status;
    await tell('n1', UP);
    expect((await read('tor')).status).toEqual(before);
  });

  test('does not believe a node that is not Ready, and forgets one that is gone or not selected', async () => {
    await tell('n3', UP);
    await tell('n1', UP);
    expect(await ready()).toEqual(['Ready False NotEstablished n3 → 192.0.2.1: the node is not Ready']);
    await tell('n3', undefined);
    await kube.delete('/api/v1/nodes/n1');
    await tell('n2', UP);
    expect((await read('tor')).status.nodes.map(({ name }) => name)).toEqual(['n2']);
    await tell('n2', UP);
    expect(await ready()).toEqual(['Ready True Established all sessions of 1 node(s) are established']);
  });
});

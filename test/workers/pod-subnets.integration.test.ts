/** The subnets of pods change while there are pods: a worker is started anew with other settings, as an upgrade of the chart does. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { startRedis, type TestRedis } from '../redis.ts';
import { labBinaries } from './apiserver.ts';
import { createNode, firstPort } from './bed.ts';
import { type Fleet, type FleetWorker, startFleet } from './fleet.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

/** Of its eight addresses four can be given: the ends, the subnet's router and its DNS server have the others. */
const [SMALL, FURTHER] = ['10.32.0.0/29', '10.60.0.0/24'] as const;
const IPAM = ['default-domain', 'k8s-default', 'k8s-pod-ipam'];

let redis: TestRedis;
let fleet: Fleet;
let worker: FleetWorker;

withApiServer('subnets of pods', () => {
  beforeAll(async () => {
    redis = await startRedis();
    fleet = await startFleet({ bin: labBinaries()!, redisUrl: redis.url });
    worker = await fleet.startWorker({ 'pod-cidrs': SMALL });
    await createNode(fleet.kube, 'n1', '192.0.2.1');
    for (const name of ['dev', 'opencontrail']) await fleet.kube.post('/api/v1/namespaces', { metadata: { name } });
  }, 120_000);

  afterAll(async () => {
    await fleet?.stop();
    await redis?.stop();
  });

  test('one that is added is used once the first is full', async () => {
    for (const name of FIRST) await createPod(name);
    const given = await Promise.all(FIRST.map(addressOf));
    expect(given.every((address) => address.startsWith('10.32.0.'))).toBe(true);
    await createPod('late');
    await eventually(async () => (await told('late')).includes(`no free address of ${SMALL}`));
    await restart(`${SMALL},${FURTHER}`);
    expect(await addressOf('late')).toMatch(/^10\.60\.0\./);
  });

  test('one that is taken away stays as long as a pod has an address of it, and the reason is told', async () => {
    await restart(FURTHER);
    await eventually(async () =>
      /cluster\.podCidrs .*lack 10\.32\.0\.\d, which is in use/.test(await told('opencontrail')),
    );
    expect(await subnets()).toEqual([SMALL, FURTHER]);
    for (const name of FIRST)
      await fleet.kube.delete(`/api/v1/namespaces/dev/pods/${name}`, { query: { gracePeriodSeconds: 0 } });
    await eventually(async () => (await subnets()).join() === FURTHER);
  });
});

const FIRST = ['a', 'b', 'c', 'd'];

async function restart(podCidrs: string): Promise<void> {
  await worker.kill('SIGTERM');
  worker = await fleet.startWorker({ 'pod-cidrs': podCidrs });
}

async function createPod(name: string): Promise<void> {
  const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] };
  await fleet.kube.post('/api/v1/namespaces/dev/pods', { metadata: { name }, spec });
}

async function told(name: string): Promise<string> {
  const { items } = await fleet.kube.list('/api/v1/events');
  // The API server has checked them.
  const events = items as unknown as readonly { involvedObject: { name: string }; message: string }[];
  return events.flatMap(({ involvedObject, message }) => (involvedObject.name === name ? [message] : [])).join('\n');
}

async function addressOf(name: string): Promise<string> {
  return (await firstPort(fleet.kube, 'dev', name)).ips[0] ?? '';
}

async function subnets(): Promise<readonly string[]> {
  const ipam = await fleet.contrail.readByName('network-ipam', IPAM);
  // The schema's property of flat ipams.
  const value = ipam?.['ipam_subnets'] as {
    subnets: readonly { subnet: { ip_prefix: string; ip_prefix_len: number } }[];
  };
  return value.subnets.map(({ subnet }) => `${subnet.ip_prefix}/${subnet.ip_prefix_len}`);
}

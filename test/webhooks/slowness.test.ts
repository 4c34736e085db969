/** Webhooks that do not answer in time, called by a real API server by the chart's own configurations: nobody waits longer than these say. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { installResources } from '../kubernetes/resources.ts';
import { type SlowRelay, startSlowRelay } from '../workers/slow-relay.ts';
import {
  canInstall,
  installConfigurations,
  namespaceBody,
  podBody,
  published,
  type Replica,
  refusalOf,
  startReplica,
} from './installation.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

const ASSIGNMENT = 'opencontrail.org/assignment';
/** Longer than any test: what is sent never arrives, and the connection stays open. */
const NEVER_MS = 600_000;

const described = canInstall ? describe : describe.skip;
let server: TestApiServer;
let replica: Replica;
let relay: SlowRelay;
let alice: KubeClient;

const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

async function isAssigned(): Promise<boolean> {
  const pod = await alice.post(pods('default'), podBody('probe'), { query: { dryRun: 'All' } });
  return pod.metadata.annotations?.[ASSIGNMENT] !== undefined;
}

async function timed(create: Promise<KubeObject>): Promise<{ readonly pod: KubeObject; readonly seconds: number }> {
  const started = performance.now();
  const pod = await create;
  return { pod, seconds: (performance.now() - started) / 1000 };
}

described('webhooks behind a line that takes its time', () => {
  beforeAll(async () => {
    server = await startApiServer();
    await installResources(server.client());
    alice = server.client('alice');
    await alice.post('/api/v1/namespaces', namespaceBody('opencontrail'));
    replica = await startReplica(server);
    relay = await startSlowRelay(`https://127.0.0.1:${replica.port}`, 0);
    await installConfigurations(server.client(), Number(new URL(relay.url).port));
    await published(server.client());
    await eventually(isAssigned);
  }, 120_000);

  afterAll(async () => {
    await relay?.close();
    await replica?.stop('SIGKILL');
    await server?.stop();
  });

  test.each([
    ['a delay of five seconds', 5_000],
    ['a port that takes everything and answers nothing', NEVER_MS],
  ])(
    '%s: pods are made without an assignment after two seconds, refused where they ask for something',
    async (_, ms) => {
      relay.delay(ms);
      const { pod, seconds } = await timed(alice.post(pods('default'), podBody(`plain-${ms}`)));
      expect(pod.metadata.annotations?.[ASSIGNMENT]).toBeUndefined();
      // It was waited for, and given up.
      expect(seconds).toBeGreaterThanOrEqual(2);
      expect(seconds).toBeLessThan(5);
      const asking = podBody(`asking-${ms}`, { 'opencontrail.org/mac': '02:00:00:00:00:01' });
      expect((await refusalOf(alice.post(pods('default'), asking)))?.status).toBe(500);
    },
  );

  test('pods of the host’s network and of the system do not wait at all', async () => {
    relay.delay(NEVER_MS);
    const host = await timed(alice.post(pods('default'), podBody('host', undefined, { hostNetwork: true })));
    const system = await timed(alice.post(pods('kube-system'), podBody('dns')));
    expect(Math.max(host.seconds, system.seconds)).toBeLessThan(2);
  });

  test('it is as before once the line is', async () => {
    relay.delay(0);
    await eventually(isAssigned, 60_000);
  });
});

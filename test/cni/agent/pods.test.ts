/** The wait for a pod's port: what ends it, and what it says when it ends in vain. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { AgentPod } from '../../../cni/agent/pod-ports.ts';
import { createPodSource, type PodSource } from '../../../cni/agent/pods.ts';
import type { ReflectorOptions } from '../../../kubernetes/cache.ts';
import type { KubeClient, KubeObject } from '../../../kubernetes/client.ts';
import { formatPorts } from '../../../kubernetes/ports.ts';
import { assigned } from '../bed.ts';

const port = assigned(7).ports[0]!;
const never = new AbortController().signal;

/** The API server's pod and the cache's copy of it, which may lag behind. */
let server: KubeObject | undefined;
let events: KubeObject[];
let options: ReflectorOptions<AgentPod>;
let cache: Map<string, AgentPod>;
let pods: PodSource;

function pod(uid: string, annotations: Record<string, string> = {}): KubeObject {
  return { metadata: { namespace: 'dev', name: 'web', uid, resourceVersion: '1', annotations } };
}

const withPort = (uid: string, of = uid) =>
  pod(uid, { 'opencontrail.org/ports': formatPorts({ uid: of, interfaces: [port] }) });

/** The watch brings the API server's pod. */
function observe(raw: KubeObject): void {
  server = raw;
  const object = options.project(raw)!;
  cache.set('dev/web', object);
  options.onChange?.({ kind: 'put', object });
}

beforeEach(() => {
  server = undefined;
  events = [];
  cache = new Map();
  // Only what the source calls; anything else would throw.
  const client = {
    get: async () => await Promise.resolve(server),
    list: async () => await Promise.resolve({ items: events, resourceVersion: '1' }),
  } as unknown as KubeClient;
  pods = createPodSource({
    client,
    node: 'n1',
    signal: never,
    log: pino({ level: 'silent' }),
    createReflector: (given) => {
      options = given;
      return {
        get: (key) => cache.get(key),
        list: () => [...cache.values()],
        synced: true,
        whenSynced: async () => await Promise.resolve(),
        stalenessMs: () => 0,
      };
    },
  });
});

const event = (reason: string, message: string): KubeObject => ({
  metadata: { name: reason, uid: reason, resourceVersion: '1' },
  reason,
  message,
});

const wait = async (uid: string | undefined, timeoutMs = 5000) =>
  await pods.waitForPorts(
    { namespace: 'dev', name: 'web', ...(uid === undefined ? {} : { uid }) },
    { timeoutMs, signal: never },
  );

describe('waitForPorts', () => {
  test('answers at once for a port that is assigned', async () => {
    observe(withPort('u1'));
    expect(await wait('u1')).toEqual({ uid: 'u1', ports: [port] });
  });

  test('answers when the annotation comes', async () => {
    observe(pod('u1'));
    const waiting = wait('u1');
    observe(withPort('u1'));
    expect(await waiting).toMatchObject({ uid: 'u1' });
  });

  test('finds a pod that the watch has not shown yet', async () => {
    server = withPort('u1');
    expect(await wait('u1')).toMatchObject({ uid: 'u1' });
  });

  test('never answers with a predecessor’s port', async () => {
    observe(withPort('u2', 'u1'));
    await expect(wait('u2', 100)).rejects.toMatchObject({ code: 101 });
    observe(withPort('u1'));
    await expect(wait('u2', 100)).rejects.toMatchObject({ code: 100, message: expect.stringContaining('predecessor') });
  });

  test('takes the pod of that name where the runtime gives no UID', async () => {
    observe(withPort('u1'));
    expect(await wait(undefined)).toMatchObject({ uid: 'u1' });
  });

  test('knows a static pod by the UID that its kubelet gave it', async () => {
    const mirror = withPort('u1');
    observe({
      ...mirror,
      metadata: {
        ...mirror.metadata,
        annotations: { ...mirror.metadata.annotations, 'kubernetes.io/config.mirror': 'static' },
      },
    });
    expect(await wait('static')).toMatchObject({ uid: 'u1' });
  });

  test.each([
    { name: 'the pod', raw: undefined, code: 100, says: 'not known' },
    { name: 'the assignment', raw: pod('u1'), code: 101, says: 'opencontrail.org/assignment' },
    {
      name: 'the port',
      raw: pod('u1', { 'opencontrail.org/assignment': '{}' }),
      code: 101,
      says: 'opencontrail.org/ports',
    },
    {
      name: 'a readable port',
      raw: pod('u1', { 'opencontrail.org/ports': '{"version":9}' }),
      code: 101,
      says: 'cannot be read',
    },
  ])('names $name where that is what is missing', async ({ raw, code, says }) => {
    if (raw !== undefined) observe(raw);
    await expect(wait('u1', 50)).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  });

  test('quotes the last warning about the pod, but not the kubelet’s own about us', async () => {
    observe(pod('u1'));
    events = [event('SubnetExhausted', 'no address left'), event('FailedCreatePodSandBox', 'code 101')];
    await expect(wait('u1', 50)).rejects.toMatchObject({ details: 'last warning: SubnetExhausted: no address left' });
  });

  test('ends when the runtime gives up', async () => {
    const abort = new AbortController();
    const waiting = pods.waitForPorts({ namespace: 'dev', name: 'web' }, { timeoutMs: 60_000, signal: abort.signal });
    abort.abort(new Error('the runtime has given up'));
    await expect(waiting).rejects.toThrow('the runtime has given up');
  });
});

const isGone = async () => await pods.isGone({ namespace: 'dev', name: 'web', uid: 'u1' });

describe('isGone', () => {
  test('only for a pod that the API server does not have, or has another of', async () => {
    expect(await isGone()).toBe(true);
    server = pod('u2');
    expect(await isGone()).toBe(true);
    server = pod('u1');
    expect(await isGone()).toBe(false);
  });

  test('never while the API server does not answer', async () => {
    const failing = createPodSource({
      client: { get: async () => await Promise.reject(new Error('refused')) } as unknown as KubeClient,
      node: 'n1',
      signal: never,
      log: pino({ level: 'silent' }),
      createReflector: () => ({
        get: () => undefined,
        list: () => [],
        synced: true,
        whenSynced: async () => await Promise.resolve(),
        stalenessMs: () => 0,
      }),
    });
    expect(await failing.isGone({ namespace: 'dev', name: 'web', uid: 'u1' })).toBe(false);
  });
});

/** Admission without a server: a real API server, the chart's MutatingAdmissionPolicies, and the handler's own table of cases. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { assignmentForNamespace, assignmentForPod, formatAssignment } from '../../kubernetes/assignment.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import type { Isolation } from '../../kubernetes/intent.ts';
import { startApiServer, type TestApiServer } from '../kubernetes/apiserver.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { context, MODE_CASES } from '../kubernetes/mode-cases.ts';
import {
  canInstall,
  installConfigurations,
  installMutatingPolicies,
  namespaceBody,
  podBody,
  refusalOf,
} from './installation.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

type Texts = Readonly<Record<string, string>>;
const ASSIGNMENT = 'opencontrail.org/assignment';
const MODE = 'opencontrail.org/mode';
const RESULTS = ['opencontrail.org/ports', 'opencontrail.org/probe-address', 'k8s.v1.cni.cncf.io/network-status'];
/** A port that nothing listens on. */
const NO_SERVER = 1;
const FORGED: Texts = Object.fromEntries([ASSIGNMENT, ...RESULTS].map((key) => [key, '{}']));

const described = canInstall ? describe : describe.skip;
let server: TestApiServer;
let alice: KubeClient;
let counter = 0;

/** A namespace of this name, or of a new one, that carries exactly these annotations of a user's. */
async function namespaceWith(name: string, annotations: Texts) {
  if (name !== 'default') {
    counter += 1;
    return await alice.post('/api/v1/namespaces', namespaceBody(`case-${counter}`, annotations));
  }
  return await alice.patch('/api/v1/namespaces/default', { metadata: { annotations } });
}

async function createPod(namespace: string, annotations?: Texts, spec?: object) {
  counter += 1;
  return await alice.post(`/api/v1/namespaces/${namespace}/pods`, podBody(`pod-${counter}`, annotations, spec));
}

/** Waits until the API server decides by this default. */
async function install(defaultMode: Isolation): Promise<void> {
  await installMutatingPolicies(server.client(), defaultMode);
  await eventually(async () => {
    const { metadata } = await alice.post('/api/v1/namespaces', namespaceBody('probe'), { query: { dryRun: 'All' } });
    return metadata.labels?.[MODE] === (defaultMode === 'app' ? undefined : defaultMode);
  });
}

function textOf(verdict: ReturnType<typeof assignmentForPod> | ReturnType<typeof assignmentForNamespace>): string {
  if (verdict.kind === 'refused') throw new Error('the case is refused');
  return formatAssignment(verdict.assignment);
}

described('the policies alone', () => {
  beforeAll(async () => {
    server = await startApiServer();
    alice = server.client('alice');
  }, 120_000);
  afterAll(async () => await server?.stop());

  describe.each(['cluster', 'namespace'] as const)('where %s is the default', (defaultMode) => {
    beforeAll(async () => await install(defaultMode), 120_000);

    // Namespaces of the system are left alone, by the webhooks as well.
    const cases = MODE_CASES.filter((row) => row.defaultMode === defaultMode && row.namespace !== 'kube-system');
    test.each(cases)('answer as the handler does: $name', async ({ namespace, annotations }) => {
      const { metadata } = await namespaceWith(namespace, annotations);
      const home = { name: metadata.name, annotations };
      const want = assignmentForNamespace(home, context(defaultMode));
      expect(metadata.annotations?.[ASSIGNMENT]).toBe(textOf(want));
      expect(metadata.labels?.[MODE]).toBe(JSON.parse(textOf(want)).mode);
      for (const own of [undefined, { note: 'x' }, FORGED]) {
        const pod = await createPod(metadata.name, own);
        expect(pod.metadata.annotations?.[ASSIGNMENT]).toBe(
          textOf(assignmentForPod({ annotations: {} }, home, context(defaultMode))),
        );
        for (const key of RESULTS) expect(pod.metadata.annotations).not.toHaveProperty([key]);
      }
    });
  });

  describe('what takes more than they have', () => {
    beforeAll(async () => await install('cluster'), 120_000);

    test.each([
      ['a network of a user', {}, { 'opencontrail.org/network': 'blue' }],
      ['further interfaces', {}, { 'k8s.v1.cni.cncf.io/networks': 'storage' }],
      ["the namespace's network", { 'opencontrail.org/network': 'blue' }, {}],
      ['isolated apps', { 'opencontrail.org/isolation': 'app' }, {}],
      ['a mistake', { 'opencontrail.org/isolation': 'perhaps' }, {}],
    ])('is left to a worker, without what anybody forged: %s', async (_name, home, own) => {
      const { metadata } = await namespaceWith('a', { ...home, [ASSIGNMENT]: '{}' });
      if (Object.keys(home).length > 0) expect(metadata.annotations).not.toHaveProperty([ASSIGNMENT]);
      const pod = await createPod(metadata.name, { ...own, ...FORGED });
      for (const key of Object.keys(FORGED)) expect(pod.metadata.annotations ?? {}).not.toHaveProperty([key]);
    });

    test('a namespace follows its annotation, and is decided twice as once', async () => {
      const { metadata } = await namespaceWith('a', {});
      const path = `/api/v1/namespaces/${metadata.name}`;
      const isolated = await alice.patch(path, { metadata: { annotations: { 'opencontrail.org/isolation': 'true' } } });
      expect(isolated.metadata.labels?.[MODE]).toBe('namespace');
      const again = await alice.patch(path, { metadata: { annotations: { note: 'x' } } });
      expect(again.metadata.annotations?.[ASSIGNMENT]).toBe(isolated.metadata.annotations?.[ASSIGNMENT]);
    });

    test('while the validating webhook has no server, what asks for nothing is admitted, and a request is refused', async () => {
      await installConfigurations(server.client(), NO_SERVER, ['webhooks.mutation=policy']);
      const namespaces = async () => await refusalOf(namespaceWith('a', { 'opencontrail.org/isolation': 'true' }));
      await eventually(async () => (await namespaces())?.message.includes('failed calling webhook') === true);
      const { metadata } = await namespaceWith('a', {});
      const pod = await createPod(metadata.name);
      expect(pod.metadata.annotations).toHaveProperty([ASSIGNMENT]);
      const refusal = await refusalOf(createPod(metadata.name, { 'opencontrail.org/ips': '10.32.0.9' }));
      expect(refusal?.message).toContain('failed calling webhook');
    });

    test("pods of the host's network are nobody's", async () => {
      const pod = await createPod('default', undefined, { hostNetwork: true });
      expect(pod.metadata.annotations ?? {}).not.toHaveProperty([ASSIGNMENT]);
    });
  });
});

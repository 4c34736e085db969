/** A real API server, which shows its token, calls the mutating webhook on every host in turn: all give the same answers. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { assignmentForPod, formatAssignment } from '../../../kubernetes/assignment.ts';
import { hasApiServer } from '../../kubernetes/apiserver.ts';
import { context } from '../../kubernetes/mode-cases.ts';
import { refusalOf } from '../installation.ts';
import { ASSIGNMENT, type HostsBed, ISOLATED, startHostsBed, TOKEN } from './bed.ts';
import { type Platform, PLATFORMS } from './platforms.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

const described = hasApiServer ? describe : describe.skip;

described('the mutating webhook as a function', () => {
  let bed: HostsBed;
  let platform: Platform;

  beforeAll(async () => {
    bed = await startHostsBed();
  }, 120_000);
  afterAll(async () => await bed?.stop());

  describe.each(Object.keys(PLATFORMS))('on %s', (name) => {
    beforeAll(async () => {
      platform = await bed.host(name);
    }, 120_000);

    test.each([
      ['default', {}],
      [ISOLATED.name, ISOLATED.annotations],
    ])('puts a pod of namespace %s where the handler does', async (namespace, annotations) => {
      const pod = await bed.createPod(namespace);
      const verdict = assignmentForPod({ annotations: {} }, { name: namespace, annotations }, context('cluster'));
      expect(pod.metadata.annotations?.[ASSIGNMENT]).toBe(
        verdict.kind === 'assigned' && formatAssignment(verdict.assignment),
      );
    });

    test('assigns a namespace', async () => {
      const { metadata } = await bed.alice.post('/api/v1/namespaces', { metadata: { generateName: 'made-' } });
      expect(metadata.labels?.['opencontrail.org/mode']).toBe('cluster');
    });

    test('refuses with the annotation and the mend', async () => {
      const refusal = await refusalOf(bed.createPod('default', { 'opencontrail.org/mac': '01:00:00:00:00:01' }));
      expect(refusal).toMatchObject({ status: 422, message: expect.stringContaining('is a group address; write') });
    });

    test('answers nobody who lacks the token, and no other path', async () => {
      const headers = { 'content-type': 'application/json' };
      const call = { path: '/mutate/pods', headers, body: '{}' };
      expect((await platform.send(call)).status).toBe(401);
      const known = { ...headers, authorization: `Bearer ${TOKEN}` };
      expect((await platform.send({ ...call, headers: known })).status).toBe(400);
      expect((await platform.send({ ...call, path: '/validate/pods', headers: known })).status).toBe(404);
    });
  });
});

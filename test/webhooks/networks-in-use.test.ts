/** Networks and definitions that pods are in are not deleted, and the refusal names the pods. */
import { describe, expect, test } from '@jest/globals';
import { createNames } from '../../contrail/names.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { addressHolder, createAddressBook } from '../../webhooks/address-book.ts';
import { validateAttachmentDefinition } from '../../webhooks/handlers/networks-in-use.ts';
import { type AdmissionRequest, parseReview } from '../../webhooks/review.ts';

const context = {
  clusterName: 'k8s',
  defaultMode: 'cluster' as const,
  names: createNames({ cluster: 'k8s', domain: 'd' }),
};

function deletionOf(name: string): AdmissionRequest {
  const review = parseReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      resource: { group: 'k8s.cni.cncf.io', resource: 'network-attachment-definitions' },
      operation: 'DELETE',
      namespace: 'dev',
      name,
      oldObject: { metadata: { name } },
    },
  });
  if (review.kind !== 'request') throw new Error(review.message);
  return review.request;
}

function podWith(name: string, annotations: Readonly<Record<string, string>>, more: object = {}) {
  const metadata = { namespace: 'apps', name, uid: name, resourceVersion: '1', annotations };
  return addressHolder({ apiVersion: 'v1', kind: 'Pod', metadata, ...more });
}

const assigned = {
  [ANNOTATION.assignment]: JSON.stringify({
    version: 1,
    mode: 'cluster',
    interfaces: [
      { name: 'eth0', network: 'd:p:n', from: 'cluster' },
      { name: 'net1', network: 'd:p:s', from: 'pod', attachment: 'dev/storage' },
    ],
  }),
};

describe('the deletion of a definition', () => {
  const book = createAddressBook();
  const users = [
    podWith('web', assigned),
    podWith('db', assigned),
    podWith('done', assigned, { status: { phase: 'Failed' } }),
  ];
  for (const object of users) if (object !== undefined) book.take({ kind: 'put', object });
  const view = { context, namespace: undefined, podCidrs: [], usersOf: book.usersOf };

  test('is refused while pods use it, which are named; those that have run to their end do not count', () => {
    expect(validateAttachmentDefinition(deletionOf('storage'), view)).toMatchObject({
      kind: 'denied',
      code: 403,
      message: expect.stringContaining('dev/storage is in use by pods apps/db, apps/web; delete the pods first'),
    });
  });

  test('is allowed where nobody does', () => {
    expect(validateAttachmentDefinition(deletionOf('other'), view).kind).toBe('allowed');
  });

  test('is allowed when the last user has gone', () => {
    for (const object of users) if (object !== undefined) book.take({ kind: 'delete', object });
    expect(validateAttachmentDefinition(deletionOf('storage'), view).kind).toBe('allowed');
  });
});

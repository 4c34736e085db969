/** A VirtualNetwork that the underlay is to route shares no address with another, or with the cluster. */
import { describe, expect, test } from '@jest/globals';
import { createNames } from '../../contrail/names.ts';
import { slimVirtualNetwork } from '../../kubernetes/virtual-network.ts';
import type { ClusterView } from '../../webhooks/handlers/handler.ts';
import { validateVirtualNetwork } from '../../webhooks/handlers/networks-in-use.ts';
import { type AdmissionRequest, parseReview } from '../../webhooks/review.ts';

const specOf = (cidrs: readonly string[], forwarding = true) => ({
  forwarding,
  subnets: cidrs.map((cidr) => ({ cidr })),
});

const objectOf = (spec: object) => ({ metadata: { name: 'blue', namespace: 'dev' }, spec });

/** Somebody asks for `dev/blue` with this spec, in the place of another, or of none. */
function requestFor(spec: object, before?: object): AdmissionRequest {
  const review = parseReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      resource: { group: 'opencontrail.org', resource: 'virtualnetworks' },
      operation: before === undefined ? 'CREATE' : 'UPDATE',
      namespace: 'dev',
      name: 'blue',
      object: objectOf(spec),
      oldObject: before === undefined ? null : objectOf(before),
    },
  });
  if (review.kind !== 'request') throw new Error(review.message);
  return review.request;
}

const routed = (name: string, cidr: string) =>
  slimVirtualNetwork({ metadata: { namespace: 'dev', name, uid: name, resourceVersion: '1' }, spec: specOf([cidr]) });
const view: ClusterView = {
  context: { clusterName: 'k8s', defaultMode: 'cluster', names: createNames({ cluster: 'k8s', domain: 'd' }) },
  namespace: undefined,
  podCidrs: ['10.32.0.0/12', 'fd00:32::/64'],
  routedNetworks: () => [routed('red', '10.90.0.0/16'), routed('blue', '10.91.0.0/16')],
};

describe('a network that is to be routed', () => {
  test.each([
    [
      'another’s addresses',
      ['10.92.0.0/24', '10.90.7.0/24'],
      'spec.subnets[1].cidr: "10.90.7.0/24" overlaps with 10.90.0.0/16 of VirtualNetwork dev/red',
    ],
    ['addresses around another’s', ['10.88.0.0/13'], 'overlaps with 10.90.0.0/16 of VirtualNetwork dev/red'],
    ['the cluster’s', ['fd00:32::/80'], "overlaps with fd00:32::/64 of the cluster's own pods"],
  ])('is refused with %s', (_, cidrs, message) => {
    expect(validateVirtualNetwork(requestFor(specOf(cidrs)), view)).toMatchObject({
      kind: 'denied',
      message: expect.stringContaining(message),
    });
    expect(validateVirtualNetwork(requestFor(specOf(cidrs), specOf(cidrs, false)), view).kind).toBe('denied');
  });

  test.each([
    ['with addresses of its own', specOf(['10.91.0.0/24', '10.92.0.0/24'])],
    ['with another’s, if it is not to be routed', specOf(['10.90.7.0/24'], false)],
  ])('is admitted %s', (_, spec) => {
    expect(validateVirtualNetwork(requestFor(spec), view).kind).toBe('allowed');
  });

  test('keeps what it has where its spec does not change', () => {
    const spec = specOf(['10.90.7.0/24']);
    expect(validateVirtualNetwork(requestFor(spec, spec), view).kind).toBe('allowed');
  });
});

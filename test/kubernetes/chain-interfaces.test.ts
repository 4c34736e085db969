/** The interfaces that a pod gets for a ServiceChain which it names. */
import { describe, expect, test } from '@jest/globals';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { assignmentForPod } from '../../kubernetes/assignment.ts';
import { context } from './mode-cases.ts';
import { chainBetween } from './service-chains.ts';

const INSPECT = chainBetween({ name: 'inside' }, { name: 'outside' });

const definitionOf = () => ({
  namespace: 'a',
  name: 'storage',
  uid: 'd',
  annotations: { [ANNOTATION.cidr]: '10.20.0.0/24' },
  config: '{"type":"opencontrail-cni"}',
});

/** What a pod of namespace `a` gets that has these annotations. */
function decide(annotations: Readonly<Record<string, string>>, chain = INSPECT) {
  const chainOf = (name: string) => (name === chain.name ? chain : undefined);
  return assignmentForPod(
    { annotations },
    { name: 'a', annotations: {} },
    { ...context('cluster'), chainOf, definitionOf },
  );
}

const named = (value: string) => ({ [ANNOTATION.serviceChain]: value });

describe('a pod that names a chain', () => {
  test('gets an interface on either side, behind its own', () => {
    expect(decide(named('inspect'))).toMatchObject({
      kind: 'assigned',
      assignment: {
        mode: 'cluster',
        interfaces: [
          { name: 'eth0' },
          { name: 'left', network: 'default-domain:k8s-a:inside', from: 'pod' },
          { name: 'right', network: 'default-domain:k8s-a:outside', from: 'pod' },
        ],
      },
      uses: [],
    });
  });

  test('needs the permission for networks of other namespaces', () => {
    const verdict = decide(named('inspect'), chainBetween({ name: 'inside' }, { name: 'outside', namespace: 'b' }));
    const use = { namespace: 'b', name: 'outside', annotation: ANNOTATION.serviceChain, value: 'inspect' };
    expect(verdict).toMatchObject({ kind: 'assigned', uses: [use] });
  });

  const storage = {
    [ANNOTATION.networks]: 'storage@left',
    ...named('inspect'),
  };
  test.each([
    ['a chain that is not there', named('other'), 'is no ServiceChain of this namespace'],
    ['what is no name', named('In/spect'), 'In/spect'],
    ['one whose interface has a name already', storage, 'gives a second interface the name "left"'],
  ])('is refused with %s', (_, annotations, problem) => {
    const verdict = decide(annotations);
    expect(verdict.kind).toBe('refused');
    expect(JSON.stringify(verdict)).toContain(problem.replaceAll('"', String.raw`\"`));
  });

  test('is refused where the chain leads into a network of services', () => {
    const services = { kind: 'Network', name: 'default-domain:k8s-a:k8s-a-service-network' };
    expect(decide(named('inspect'), chainBetween({ name: 'inside' }, services))).toMatchObject({
      kind: 'refused',
      problems: [{ annotation: ANNOTATION.serviceChain, value: 'inspect' }],
    });
  });
});

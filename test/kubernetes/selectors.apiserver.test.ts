/** Selectors of our resources on a real API server: what no object can carry is refused, with the field that says it. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { KubeClient } from '../../kubernetes/client.ts';
import { hasApiServer, startApiServer, type TestApiServer } from './apiserver.ts';
import { installResources } from './resources.ts';

jest.setTimeout(120_000);

const described = hasApiServer ? describe : describe.skip;
const NETWORKS = { left: { name: 'blue' }, right: { name: 'green' } };

/** Of each kind with a selector: its collection, where the selector stands, and a spec with it. */
const KINDS: readonly [kind: string, path: string, field: string, spec: (selector: object) => object][] = [
  [
    'ServiceChain',
    'namespaces/default/servicechains',
    'spec.services[0].selector',
    (selector) => ({ ...NETWORKS, services: [{ name: 'firewall', selector }] }),
  ],
  ['FloatingIP', 'namespaces/default/floatingips', 'spec.selector', (selector) => ({ pool: 'public', selector })],
  [
    'BGPRouter',
    'bgprouters',
    'spec.nodeSelector',
    (nodeSelector) => ({ asn: 64512, neighbors: [{ address: '192.0.2.1', asn: 64513 }], nodeSelector }),
  ],
  [
    'VirtualNetwork',
    'namespaces/default/virtualnetworks',
    'spec.sharing.selector',
    (selector) => ({ subnets: [{ cidr: '10.91.1.0/24' }], sharing: { selector } }),
  ],
];

const LONG = 'x'.repeat(64);
const DNS = Array.from({ length: 4 }, () => 'd'.repeat(63)).join('.');
const label = (key: string, value: string): object => ({ matchLabels: { [key]: value } });
const expression = (key: string, operator: string, values?: readonly string[]): object => ({
  matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }],
});

const WRONG_LABELS: readonly [what: string, selector: object, answer: string][] = [
  ['a key of two slashes', label('a/b/c', 'x'), 'matchLabels: Invalid value'],
  ['a key with a space', label('a b', 'x'), 'no label has such a key'],
  ['a key without a name', label('example.org/', 'x'), 'no label has such a key'],
  ['a key of 64 letters', label(LONG, 'x'), 'no label has such a key'],
  ['a prefix of 255 letters', label(`${DNS}/a`, 'x'), 'no label has such a key'],
  ['a prefix with capital letters', label('Example.org/a', 'x'), 'no label has such a key'],
  ['a value with a space', label('app', 'fire wall'), 'matchLabels[app]: Invalid value: "fire wall": no label has'],
  ['a value that ends with a dash', label('app', 'x-'), 'no label has such a value'],
];
const WRONG_EXPRESSIONS: readonly [what: string, selector: object, answer: string][] = [
  ['an expression’s key', expression('a/b/c', 'Exists'), 'matchExpressions[0].key: Invalid value: "a/b/c": no label'],
  [
    'an expression’s value',
    expression('app', 'In', ['x', 'y z']),
    'matchExpressions[0].values[1]: Invalid value: "y z"',
  ],
  ['In without values', expression('app', 'In'), 'In and NotIn need values'],
];
const RIGHT: readonly object[] = [
  label('app', ''),
  label('Example_1.app', 'A.b_c-9'),
  label(`${'d'.repeat(60)}.example.org/${'x'.repeat(63)}`, 'x'.repeat(63)),
];

let server: TestApiServer;
let kube: KubeClient;
let count = 0;

async function create(kind: string, path: string, spec: object): Promise<unknown> {
  count += 1;
  const body = { apiVersion: 'opencontrail.org/v1alpha1', kind, metadata: { name: `x${count}` }, spec };
  return await kube.post(`/apis/opencontrail.org/v1alpha1/${path}`, body);
}

described('a real API server', () => {
  beforeAll(async () => {
    server = await startApiServer();
    kube = server.client();
    await installResources(kube);
  }, 90_000);
  afterAll(async () => await server?.stop());

  describe.each(KINDS)('of a %s', (kind, path, field, spec) => {
    const wrong = kind === 'VirtualNetwork' ? WRONG_LABELS : [...WRONG_LABELS, ...WRONG_EXPRESSIONS];

    test.each(wrong)('refuses %s', async (_what, selector, answer) => {
      const refusal = create(kind, path, spec(selector));
      await expect(refusal).rejects.toThrow(field);
      await expect(refusal).rejects.toThrow(answer);
    });

    test.each(RIGHT)('takes %j', async (selector) => {
      await create(kind, path, spec(selector));
    });
  });
});

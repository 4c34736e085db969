/** The grammar of annotations, and what users are told. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { REQUESTS, RESULTS } from '../../kubernetes/annotation-contract.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import {
  parseAddresses,
  parseCidrs,
  parseIsolation,
  parseMac,
  parseNames,
  parseNetwork,
  parseNetworks,
  parsePool,
  parseSwitch,
  type Parser,
} from '../../kubernetes/grammar.ts';
import { literalValue } from '../../kubernetes/literal.ts';
import { formatPorts, parsePorts, portsOfPod } from '../../kubernetes/ports.ts';
import { problemText, reviewAnnotations } from '../../kubernetes/problems.ts';

function python(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}

describe('literals', () => {
  test.each([
    ['JSON', '{"a": "b"}', { a: 'b' }],
    ['Python, single quotes', "{'a': 'b', 'c': 'd'}", { a: 'b', c: 'd' }],
    ['Python 2 strings', "{u'a': u'b'}", { a: 'b' }],
    ['Python words and numbers', "{'a': True, 'b': None, 'c': 1}", { a: true, b: null, c: 1 }],
    ['a trailing comma', "['a', 'b',]", ['a', 'b']],
    ['a tuple', "('a', 'b')", ['a', 'b']],
    ['a quote within', `{'a': 'it\\'s "b"'}`, { a: 'it\'s "b"' }],
    ['punctuation within', "['a,]', 'b']", ['a,]', 'b']],
    ['space around', "  { 'a' : 'b' }  ", { a: 'b' }],
  ])('reads %s', (_name, text, want) => expect(literalValue(text)).toEqual(want));

  test.each(['', 'plain words', "{'a': }", "{'a': 'b'", "{'a': b}", "__import__('os')", "{'a': 'b'} extra"])(
    'refuses %s',
    (text) => expect(literalValue(text)).toBeUndefined(),
  );

  test('reads every JSON value as JSON does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(literalValue(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });

  test('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => void literalValue(text)));
  });

  test('reads what Python prints of dictionaries of strings', () => {
    const word = fc.string().filter((text) => !/[\\\n\r\t]|[^ -~]/.test(text));
    fc.assert(
      fc.property(
        fc.dictionary(
          word.filter((key) => key !== '__proto__'),
          word,
          { noNullPrototype: true },
        ),
        (dictionary) => {
          const text = `{${Object.entries(dictionary)
            .map(([key, value]) => `${python(key)}: ${python(value)}`)
            .join(', ')}}`;
          expect(literalValue(text)).toEqual(dictionary);
        },
      ),
    );
  });
});

interface Row {
  readonly parse: Parser<unknown>;
  readonly text: string;
  readonly want: unknown;
}

describe('values', () => {
  test.each<Row>([
    { parse: parseSwitch, text: 'True', want: true },
    { parse: parseSwitch, text: 'FALSE', want: false },
    { parse: parseIsolation, text: 'App', want: 'app' },
    {
      parse: parseNetwork,
      text: "{'domain':'d','project':'p','name':'n','more':'x'}",
      want: { domain: 'd', project: 'p', name: 'n' },
    },
    {
      parse: parsePool,
      text: '{"domain":"d","project":"p","network":"n","name":"f"}',
      want: { domain: 'd', project: 'p', network: 'n', name: 'f' },
    },
    { parse: parsePool, text: ' public ', want: { name: 'public' } },
    { parse: parseCidrs, text: ' 10.0.0.0/24', want: ['10.0.0.0/24'] },
    { parse: parseCidrs, text: '10.0.0.0/24, fd00::/64', want: ['10.0.0.0/24', 'fd00::/64'] },
    { parse: parseNetwork, text: 'blue', want: { name: 'blue' } },
    { parse: parseNetwork, text: ' team/blue ', want: { namespace: 'team', name: 'blue' } },
    { parse: parseAddresses, text: '10.0.0.1', want: ['10.0.0.1'] },
    { parse: parseAddresses, text: '["10.0.0.1/24", "fd00::1"]', want: ['10.0.0.1/24', 'fd00::1'] },
    { parse: parseAddresses, text: '10.0.0.1, fd00::1', want: ['10.0.0.1', 'fd00::1'] },
    { parse: parseMac, text: '02:AB:00:00:00:01', want: '02:ab:00:00:00:01' },
    { parse: parseNames, text: 'db, cache', want: ['db', 'cache'] },
    { parse: parseNames, text: '["db"]', want: ['db'] },
    { parse: parseNames, text: '"db"', want: ['db'] },
    {
      parse: parseNetworks,
      text: 'a, n/b@net1 ,c',
      want: [{ name: 'a' }, { namespace: 'n', name: 'b', interface: 'net1' }, { name: 'c' }],
    },
    {
      parse: parseNetworks,
      text: "[{'name': 'a', 'ips': ['10.0.0.1/24'], 'default-route': ['10.0.0.254'], 'bandwidth': {}}]",
      want: [{ name: 'a', ips: ['10.0.0.1/24'], 'default-route': ['10.0.0.254'] }],
    },
  ])('$text is read', ({ parse, text, want }) => expect(parse(text)).toEqual({ ok: true, value: want }));

  test.each<Row>([
    { parse: parseSwitch, text: 'yes', want: 'is neither true nor false' },
    { parse: parseIsolation, text: '', want: 'is none of true, false and app' },
    { parse: parseNetwork, text: '{"domain":"d","project":"p"}', want: 'is wrong at name' },
    { parse: parseNetwork, text: '{"domain":"","project":"p","name":"n"}', want: 'is wrong at domain' },
    { parse: parseNetwork, text: 'Blue', want: 'is neither JSON nor a Python literal' },
    { parse: parseCidrs, text: '10.0.0.0/33', want: 'is not a list of CIDRs' },
    { parse: parseCidrs, text: '10.0.0.0/24, 10.0.0.0/24', want: '10.0.0.0/24 and 10.0.0.0/24 overlap' },
    { parse: parseCidrs, text: 'fd00::/64, 10.0.0.0/24, 10.0.0.128/25', want: '10.0.0.0/24 and 10.0.0.128/25 overlap' },
    { parse: parseCidrs, text: '169.254.1.0/24', want: 'names 169.254.1.0/24, whose addresses no host has' },
    { parse: parseAddresses, text: '10.0.0.1,10.0.0.2', want: 'has two addresses of one family' },
    { parse: parseAddresses, text: 'ten', want: 'is wrong at 0: not an IP address' },
    { parse: parseMac, text: '01:00:5e:00:00:01', want: 'is a group address' },
    { parse: parseMac, text: '00:00:00:00:00:00', want: 'is nobody’s address' },
    { parse: parseMac, text: '2:0:0:0:0:1', want: 'is not a MAC address' },
    { parse: parseNetworks, text: '[{"namespace": "n"}]', want: 'is wrong at 0.name' },
    { parse: parseNetworks, text: 'a@net1,b@net1', want: 'names the interface "net1" twice' },
    { parse: parseNetworks, text: 'a@eth0', want: 'names the interface "eth0" twice' },
    {
      parse: parseNetworks,
      text: '[{"name":"a","mac":"01:00:00:00:00:01"}]',
      want: 'is wrong at 0.mac: a group address',
    },
    {
      parse: parseNetworks,
      text: '[{"name":"a","mac":"00:00:00:00:00:00"}]',
      want: 'is wrong at 0.mac: the address of',
    },
    { parse: parseNetworks, text: 'a@a-name-far-too-long', want: 'is wrong at 0.interface' },
    ...['lo', 'all', '..', 'a%d', 'a#b', 'a\\', 'äääääääääää'].map((name) => ({
      parse: parseNetworks,
      text: `a@${name}`,
      want: 'is wrong at 0.interface',
    })),
    { parse: parseNetworks, text: '[oops', want: 'is neither JSON nor a list of names' },
  ])('$text is refused: $want', ({ parse, text, want }) => {
    const parsed = parse(text);
    expect(parsed).toMatchObject({
      ok: false,
      problem: expect.stringContaining(String(want)),
      mend: expect.stringMatching(/^(write|give) /),
    });
  });

  test('no parser throws, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => REQUESTS.forEach(({ parse }) => void parse(text))));
  });

  test('every example of the reference is what its own grammar accepts', () => {
    expect([...REQUESTS, ...RESULTS].filter(({ parse, example }) => !parse(example).ok).map(({ key }) => key)).toEqual(
      [],
    );
  });
});

describe('a review', () => {
  test('names the annotation, the value and the mend', () => {
    const { problems } = reviewAnnotations('Namespace', { [ANNOTATION.isolation]: 'yes' });
    expect(problems.map(problemText)).toEqual([
      'annotation opencontrail.org/isolation: "yes" is none of true, false and app; write "true" to isolate the namespace, "app" to isolate each app in it, "false" not to, or remove the annotation',
    ]);
  });

  test('cuts a long value', () => {
    const [problem] = reviewAnnotations('Pod', { [ANNOTATION.mac]: 'x'.repeat(5000) }).problems;
    expect(problem && problemText(problem).length).toBeLessThan(400);
  });

  test.each([
    ['what it cannot read is refused', 'Pod', { [ANNOTATION.ips]: 'ten' }, 1, 0],
    ['what merely has no effect is warned of', 'Ingress', { [ANNOTATION.externalIP]: '203.0.113.9' }, 0, 1],
    ['what is switched off has no effect to warn of', 'Namespace', { [ANNOTATION.snat]: 'false' }, 0, 0],
    ['what older systems ignored is never refused', 'Namespace', { [ANNOTATION.networkPolicyOld]: '{broken' }, 0, 0],
    ['what stands on another kind is not judged, and warned of', 'Pod', { [ANNOTATION.isolation]: 'nonsense' }, 0, 1],
    ["what is no annotation of ours is nobody's business", 'Pod', { 'example.org/x': 'y' }, 0, 0],
  ] as const)('%s', (...[, kind, annotations, problems, warnings]) => {
    const review = reviewAnnotations(kind, annotations);
    expect([review.problems.length, review.warnings.length]).toEqual([problems, warnings]);
  });

  test('an update is judged by what it changes', () => {
    const old = { [ANNOTATION.mac]: 'nonsense' };
    expect(reviewAnnotations('Pod', { ...old, [ANNOTATION.networks]: 'a' }, old).problems).toEqual([]);
  });

  test.each([
    [
      'Pod',
      'opencontrail.org/netwrok',
      ['annotation opencontrail.org/netwrok is none that OpenContrail knows, and has no effect'],
    ],
    ['Pod', ANNOTATION.isolation, [`annotation ${ANNOTATION.isolation} has no effect on a Pod, but on a Namespace`]],
    ['Namespace', ANNOTATION.ips, [`annotation ${ANNOTATION.ips} has no effect on a Namespace, but on a Pod`]],
    ['Pod', ANNOTATION.ports, []],
    ['Pod', 'example.org/netwrok', []],
  ] as const)('on a %s the key %s is warned of where it says nothing', (kind, key, want) => {
    expect(reviewAnnotations(kind, { [key]: 'true' }).warnings).toEqual(want);
    expect(reviewAnnotations(kind, { [key]: 'true' }, { [key]: 'true' }).warnings).toEqual([]);
  });

  test('warnings are as short as the API server likes them', () => {
    const all = Object.fromEntries(REQUESTS.map(({ key, example }) => [key, example]));
    const warnings = (['Pod', 'Namespace', 'Service', 'Ingress'] as const).flatMap(
      (kind) => reviewAnnotations(kind, all).warnings,
    );
    expect(warnings.filter((warning) => warning.length > 120)).toEqual([]);
  });
});

describe('ports', () => {
  const port = fc.record({
    name: fc.constantFrom('eth0', 'net1'),
    vmi: fc.uuid(),
    network: fc.constant('d:p:n'),
    networkId: fc.uuid(),
    mac: fc.constant('02:00:00:00:00:01'),
    ips: fc.array(
      fc.ipV4().map((ip) => `${ip}/12`),
      { minLength: 1, maxLength: 2 },
    ),
    gateway: fc.constant('169.254.1.1'),
    dns: fc.array(fc.ipV4()),
    mtu: fc.nat(9000),
  });

  test('what is written is what is read', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.array(port, { minLength: 1 }), (uid, interfaces) =>
        expect(parsePorts(formatPorts({ uid, interfaces }))).toEqual({ version: 1, uid, interfaces }),
      ),
    );
  });

  test.each([undefined, '', 'x', '{}', '{"version":2,"uid":"u","interfaces":[]}'])('%s are no ports', (text) =>
    expect(parsePorts(text)).toBeUndefined(),
  );

  test("a predecessor's ports are not the pod's", () => {
    const interfaces = [
      { name: 'eth0', vmi: 'v', network: 'n', networkId: 'i', mac: 'm', ips: ['10.0.0.1/12'], dns: [], mtu: 0 },
    ];
    const text = formatPorts({ uid: 'old', interfaces });
    expect(portsOfPod(text, 'new')).toBeUndefined();
    expect(portsOfPod(text, 'old')?.interfaces).toEqual(interfaces);
  });
});

/** What becomes of a NetworkPolicy: each defect of the original's translation (facts 4 and 9.5) as a case that must not come back. */
import { describe, expect, test } from '@jest/globals';
import { desiredNetworkPolicy } from '../../contrail/desired/network-policy.ts';
import type { PolicyRule, SecurityGroup } from '../../contrail/objects.ts';
import type { KubeObject } from '../../kubernetes/client.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import { formatPorts } from '../../kubernetes/ports.ts';
import { slimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import type { NamedPort } from '../../kubernetes/objects.ts';
import { isSelected, type LabelSelector } from '../../kubernetes/selector.ts';
import { blockWithout } from '../../workers/blocks.ts';
import { policySubject } from '../../workers/desired/network-policy.ts';
import { policyStatus } from '../../workers/policy-status.ts';
import { openGroups, type Placed, policyKeysPlacing, policyMemberships } from '../../workers/policy-membership.ts';
import { settings } from './settings-for-tests.ts';

const { names } = settings;
const LABELS: Readonly<Record<string, Record<string, string>>> = { dev: { team: 'a' }, prod: { team: 'b' } };

function policyOf(spec: object, namespace = 'dev') {
  return slimNetworkPolicy({ metadata: { namespace, name: 'np', uid: 'u' }, spec } as unknown as KubeObject);
}

function placed(labels: Record<string, string>, namespace = 'dev', namedPorts: readonly NamedPort[] = []): Placed {
  return { pod: { namespace, labels, namedPorts }, namespaceLabels: LABELS[namespace] ?? {} };
}

function rulesOf(spec: object, pods: readonly Placed[] = []): readonly PolicyRule[] {
  const objects = desiredNetworkPolicy(
    policySubject(policyOf(spec), pods, names),
    settings,
  ) as readonly SecurityGroup[];
  return objects.flatMap((group) => group.security_group_entries?.policy_rule ?? []);
}

/** Protocol and ports of the rules, each once. */
function traffic(spec: object, pods: readonly Placed[] = []): readonly string[] {
  const found = rulesOf(spec, pods).map(
    ({ protocol, dst_ports: [ports] }) => `${protocol} ${ports?.start_port}-${ports?.end_port}`,
  );
  return [...new Set(found)];
}

const ownNames = (groups: readonly { readonly group: string }[]): readonly string[] =>
  groups.map(({ group }) => group.split(':').at(-1) ?? '');

function isInPeerGroup(spec: object, pod: Placed): boolean {
  return ownNames(policyMemberships(pod, [policyOf(spec)], names)).some((name) => name.includes('__peer__'));
}

const from = (...peers: readonly object[]) => ({ podSelector: {}, ingress: [{ from: peers }] });
const expression = (operator: string, values: readonly string[] = []): LabelSelector => ({
  matchExpressions: [{ key: 'App', operator, values }],
});
const text = (cidr: string, ...except: readonly string[]) =>
  blockWithout(cidr, except).map(({ ip_prefix: prefix, ip_prefix_len: length }) => `${prefix}/${length}`);

const WITHOUT_WEB = { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] };

describe('which directions a policy restricts', () => {
  test.each([
    ['ingress alone by default', { podSelector: {} }, 'k8s-dev-default-egress-sg'],
    ['egress too, where there are rules of it', { podSelector: {}, egress: [{}] }, ''],
    ['egress alone, where it says so', { podSelector: {}, policyTypes: ['Egress'] }, 'k8s-dev-default-ingress-sg'],
    ['none of pods that it does not select', { podSelector: { matchLabels: { app: 'x' } } }, 'k8s-dev-default-sg'],
    ['none of pods that its expressions leave out', { podSelector: WITHOUT_WEB }, 'k8s-dev-default-sg'],
    ['none of another namespace', { podSelector: {} }, 'k8s-prod-default-sg'],
  ])('%s', (_name, spec, want) => {
    const pod = placed({ app: 'web' }, want.includes('prod') ? 'prod' : 'dev');
    expect(
      openGroups(pod, [policyOf(spec)], names)
        .map((group) => group.at(-1))
        .join(),
    ).toBe(want);
  });
});

describe('what a rule allows', () => {
  test.each([
    ['everything without ports', [{}], ['any 0-65535']],
    ['TCP where no protocol is given', [{ ports: [{ port: 80 }] }], ['tcp 80-80']],
    ['every port of a protocol', [{ ports: [{ protocol: 'UDP' }] }], ['udp 0-65535']],
    ['SCTP apart', [{ ports: [{ protocol: 'SCTP', port: 80 }] }], ['sctp 80-80']],
    ['a range', [{ ports: [{ port: 80, endPort: 90 }] }], ['tcp 80-90']],
    ['a number that is written as a text', [{ ports: [{ port: '5978' }] }], ['tcp 5978-5978']],
    ['nothing of a name that nobody has', [{ ports: [{ port: 'nobody' }] }], []],
  ])('%s', (_name, ingress, want) => {
    expect(traffic({ podSelector: {}, ingress })).toEqual(want);
  });

  test('a name is the number of each selected pod', () => {
    const pods = [80, 8080].map((number) => placed({}, 'dev', [{ name: 'http', protocol: 'TCP', number }]));
    const spec = { podSelector: {}, ingress: [{ ports: [{ port: 'http' }] }] };
    expect([...traffic(spec, pods)].sort()).toEqual(['tcp 80-80', 'tcp 8080-8080']);
    const groups = pods.map((pod) => ownNames(policyMemberships(pod, [policyOf(spec)], names)).at(-1));
    expect(new Set(groups).size).toBe(2);
  });

  test('a name of another protocol is another port', () => {
    const pods = [placed({}, 'dev', [{ name: 'dns', protocol: 'UDP', number: 53 }])];
    expect(traffic({ podSelector: {}, ingress: [{ ports: [{ port: 'dns' }] }] }, pods)).toEqual([]);
  });

  test('a named port of a block is that of the pods whose addresses lie in it, wherever they are', () => {
    const at = (ip: string, number: number): Placed => {
      const port = { name: 'eth0', vmi: 'v', network: 'n', networkId: 'i', mac: 'm', ips: [`${ip}/12`] };
      const ports = formatPorts({ uid: ip, interfaces: [{ ...port, dns: [], mtu: 0 }] });
      const base = placed({}, 'prod', [{ name: 'http', protocol: 'TCP', number }]);
      return { ...base, pod: { ...base.pod, uid: ip, annotations: { [ANNOTATION.ports]: ports } } };
    };
    const pods = [at('10.32.0.9', 81), at('10.32.0.4', 80), at('10.32.0.1', 82), at('10.33.0.1', 83)];
    const to = [{ ipBlock: { cidr: '10.32.0.0/24', except: ['10.32.0.1/32'] } }];
    const spec = { podSelector: {}, policyTypes: ['Egress'], egress: [{ to, ports: [{ port: 'http' }] }] };
    const found = rulesOf(spec, pods).map(({ dst_addresses: [target], dst_ports: [ports] }) => [
      `${target?.subnet?.ip_prefix}/${target?.subnet?.ip_prefix_len}`,
      ports?.start_port,
    ]);
    expect(found).toEqual([
      ['10.32.0.4/32', 80],
      ['10.32.0.9/32', 81],
    ]);
    const [here, elsewhere] = [pods[0]!, placed({}, 'prod', [])];
    expect([here, elsewhere].map((each) => policyKeysPlacing(each.pod, [policyOf(spec)]).length)).toEqual([1, 0]);
  });

  test('several egress rules stand beside each other', () => {
    const egress = [80, 81].map((port) => ({ ports: [{ port }] }));
    expect(traffic({ podSelector: {}, policyTypes: ['Egress'], egress })).toEqual(['tcp 80-80', 'tcp 81-81']);
  });

  test('both families', () => {
    expect(rulesOf({ podSelector: {}, ingress: [{}] }).map(({ ethertype }) => ethertype)).toEqual(['IPv4', 'IPv6']);
  });

  test('a rule that is given twice stands once, as the server demands', () => {
    expect(rulesOf({ podSelector: {}, ingress: [{}, {}] })).toHaveLength(2);
  });
});

describe('whom a rule means', () => {
  test.each([
    ['an empty pod selector: its own namespace', from({ podSelector: {} }), ['dev'], ['prod']],
    ['a selector with empty labels: its own namespace', from({ podSelector: { matchLabels: {} } }), ['dev'], ['prod']],
    ['an empty namespace selector: every namespace', from({ namespaceSelector: {} }), ['dev', 'prod'], []],
    ['one with empty labels: the same', from({ namespaceSelector: { matchLabels: {} } }), ['dev', 'prod'], []],
    ['one beside another peer: both', from({ podSelector: WITHOUT_WEB }, { namespaceSelector: {} }), ['prod'], []],
    [
      'namespaces that do not have a label',
      from({ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] } }),
      ['prod'],
      ['dev'],
    ],
    [
      'all pods of the namespaces it means',
      from({ namespaceSelector: { matchLabels: { team: 'b' } }, podSelector: {} }),
      ['prod'],
      ['dev'],
    ],
    [
      'every value that an expression lists',
      from({ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'b'] }] } }),
      ['dev', 'prod'],
      [],
    ],
  ])('%s', (_name, spec, inside, outside) => {
    const isIn = (namespace: string): boolean => isInPeerGroup(spec, placed({ app: 'web' }, namespace));
    expect([inside.map(isIn), outside.map(isIn)]).toEqual([inside.map(() => true), outside.map(() => false)]);
  });

  test.each([
    { podSelector: {} },
    { podSelector: { matchLabels: {} } },
    { podSelector: expression('Exists') },
    { podSelector: expression('DoesNotExist') },
    { podSelector: expression('NotIn', ['a']) },
    { namespaceSelector: {} },
    { namespaceSelector: { matchLabels: {} } },
  ])('pods alone, and nobody outside: %j', (peer) => {
    const rules = rulesOf(from(peer));
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.every(({ src_addresses: [source] }) => source?.security_group?.includes('__peer__'))).toBe(true);
  });

  test('others, where keys or values differ in what tags could not hold', () => {
    const selectors = [
      { 'a/b': 'x' },
      { a__slash__b: 'x' },
      { 'A/b': 'x' },
      { a: 'b=x' },
      { a: 'b:x' },
      { 'a=b': 'x' },
    ];
    const groups = selectors.flatMap((matchLabels) => rulesOf(from({ podSelector: { matchLabels } })));
    expect(new Set(groups.map(({ src_addresses: [source] }) => source?.security_group)).size).toBe(selectors.length);
    for (const [index, matchLabels] of selectors.entries()) {
      const spec = from({ podSelector: { matchLabels } });
      const meant = selectors.map((labels) => isInPeerGroup(spec, placed(labels as Record<string, string>)));
      expect(meant).toEqual(selectors.map((_, other) => other === index));
    }
  });

  test('nobody, where no pod fits: a rule names a group without members, not everybody', () => {
    const rules = rulesOf(from({ podSelector: { matchLabels: { app: 'none' } } }));
    expect(rules.every(({ src_addresses: [source] }) => source?.security_group?.includes('__peer__'))).toBe(true);
  });

  test('a policy of a new UID has groups of its own', () => {
    const again = { ...policyOf(from({ podSelector: {} })), uid: 'v' };
    const [before, after] = [policyOf(from({ podSelector: {} })), again].map((policy) =>
      policySubject(policy, [], names),
    );
    const all = [before, after].flatMap((subject) => (subject?.groups ?? []).map(({ name }) => name.join(':')));
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('selectors', () => {
  test.each([
    ['labels in the case they are written', { matchLabels: { App: 'a' } }, { app: 'a' }, false],
    ['labels and expressions together', { ...expression('Exists'), matchLabels: { tier: 'x' } }, { App: 'a' }, false],
    ['NotIn without the label', expression('NotIn', ['a']), {}, true],
    ['NotIn with another value', expression('NotIn', ['a']), { App: 'b' }, true],
    ['Exists', expression('Exists'), { App: '' }, true],
    ['Exists without the label', expression('Exists'), {}, false],
    ['DoesNotExist', expression('DoesNotExist'), {}, true],
    ['a key that would choose a set of policies', { matchLabels: { application: 'hr' } }, { application: 'hr' }, true],
    ['an unknown operator', expression('Gt', ['1']), { App: '2' }, false],
    ['a label that every object seems to have', { matchLabels: { constructor: 'a' } }, {}, false],
  ] as const)('%s', (_name, selector, labels, want) => {
    expect(isSelected(labels, selector)).toBe(want);
  });
});

describe('blocks without others', () => {
  test.each([
    ['a hole is split around', text('10.0.0.0/30', '10.0.0.1/32'), ['10.0.0.0/32', '10.0.0.2/31']],
    ['host bits do not count', text('10.0.0.3/30'), ['10.0.0.0/30']],
    ['a hole outside takes nothing', text('10.0.0.0/24', '10.0.1.0/24'), ['10.0.0.0/24']],
    ['a hole of the other family takes nothing', text('10.0.0.0/24', '::/0'), ['10.0.0.0/24']],
    ['a hole as large as the block leaves nothing', text('10.0.0.0/24', '10.0.0.0/8'), []],
    ['IPv6', text('fd00::/126', 'fd00::2/127'), ['fd00::/127']],
    ['what is no block is none', text('10.0.0.0/33'), []],
  ])('%s', (_name, got, want) => {
    expect(got).toEqual(want);
  });
});

test('an exception outside of its block is said, and takes nothing', () => {
  const spec = from({ ipBlock: { cidr: '10.0.0.0/24', except: ['10.0.1.0/24', '10.0.0.0/25'] } });
  const { problems } = policySubject(policyOf(spec), [], names);
  expect(problems).toEqual([{ reason: 'ExceptOutside', message: expect.stringContaining('except "10.0.1.0/24"') }]);
  expect(rulesOf(spec).map(({ src_addresses: [source] }) => source?.subnet?.ip_prefix)).toEqual(['10.0.0.128']);
});

test('the policy has the number of its problems, and the first of them', () => {
  expect(policyStatus({ problems: [] })).toBeUndefined();
  const problem = { reason: 'PortUnknown', message: 'no such port' } as const;
  expect(JSON.parse(policyStatus({ problems: Array.from({ length: 30 }, () => problem) }) ?? '')).toEqual({
    version: 1,
    problems: 30,
    messages: Array.from({ length: 20 }, () => 'PortUnknown: no such port'),
  });
});

test('what is wrong with a policy is said, and the rest of it stands', () => {
  const spec = { podSelector: {}, ingress: [{ ports: [{ port: 'nobody' }, { port: 80 }] }] };
  const { problems } = policySubject(policyOf(spec), [placed({})], names);
  expect(problems).toEqual([
    { reason: 'PortUnknown', message: expect.stringMatching(/ingress port "nobody" \(TCP\)/) },
  ]);
  expect(traffic(spec, [placed({})])).toEqual(['tcp 80-80']);
});

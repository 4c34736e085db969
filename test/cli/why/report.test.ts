/** Answers as a user reads them. */
import { expect, test } from '@jest/globals';
import type { Answer, PolicyReason, WayAnswer } from '../../../cli/why/model.ts';
import { answerText } from '../../../cli/why/report.ts';

const reason = (direction: PolicyReason['direction'], verdict: PolicyReason['verdict'], by: readonly string[]) => ({
  direction,
  pod: direction === 'egress' ? 'a/x' : 'b/y',
  node: 'n1',
  verdict,
  by,
  isByRule: false,
});
const WAY: WayAnswer = {
  target: 'pod b/y',
  address: '10.32.0.2',
  port: 8080,
  isAllowed: false,
  passing: { network: 'd:p:pods', passing: 'open', by: [] },
  policies: [reason('egress', 'unrestricted', []), reason('ingress', 'denied', ['NetworkPolicy b/deny'])],
};
const ANSWER: Answer = {
  from: 'pod a/x',
  to: 'pod b/y',
  protocol: 'TCP',
  port: 8080,
  verdict: 'denied',
  network: 'd:p:pods',
  ways: [WAY],
};

test('the verdict comes first, then networks and each end’s policies', () => {
  expect(answerText(ANSWER)).toBe(
    `denied: pod a/x → pod b/y TCP 8080
  network: everything passes within d:p:pods
  egress of pod a/x on n1: no policy restricts it
  ingress of pod b/y on n1: denied: NetworkPolicy b/deny restricts it, and no rule allows this
`,
  );
});

test('a rule that denies is told as that', () => {
  const [, ingress] = WAY.policies;
  const denied = (by: readonly string[], isByRule: boolean): string =>
    answerText({
      ...ANSWER,
      ways: [{ ...WAY, policies: ingress === undefined ? [] : [{ ...ingress, by, isByRule }] }],
    });
  expect(denied(['ClusterNetworkPolicy tenants others'], true)).toContain(
    'ingress of pod b/y on n1: denied by ClusterNetworkPolicy tenants others\n',
  );
  expect(denied([], false)).toContain('ingress of pod b/y on n1: denied: no rule allows this\n');
});

test('a service is told with its network and every back end', () => {
  const service = { network: 'd:p:services', passing: 'open' as const, by: ['d:p:np'] };
  const allowed: WayAnswer = { ...WAY, target: '192.0.2.9', address: '192.0.2.9', isAllowed: true, policies: [] };
  const text = answerText({ ...ANSWER, to: 'service b/web', verdict: 'some', service, ways: [WAY, allowed] });
  expect(text).toContain('allowed to some back ends only: pod a/x → service b/web TCP 8080\n');
  expect(text).toContain(
    '  service network: everything passes from d:p:pods to d:p:services (network policy d:p:np)\n',
  );
  expect(text).toContain('  denied to back end pod b/y (10.32.0.2:8080)\n');
  expect(text).toContain('  allowed to back end 192.0.2.9:8080\n');
});

test('the services that networks are joined by are told in the order of the flow', () => {
  const by = ['d:p:k8s__ServiceChain__inspect__firewall', 'd:p:operators'];
  const passing = { network: 'd:q:pods', passing: 'chained' as const, by };
  expect(answerText({ ...ANSWER, ways: [{ ...WAY, passing }] })).toContain(
    'this passes from d:p:pods to d:q:pods through service firewall of ServiceChain inspect, then service d:p:operators',
  );
  const unserved = { ...passing, passing: 'unserved' as const, by: by.slice(0, 1) };
  expect(answerText({ ...ANSWER, ways: [{ ...WAY, passing: unserved }] })).toContain(
    'nothing passes from d:p:pods to d:q:pods: service firewall of ServiceChain inspect has no pod that is Ready',
  );
});

test('networks that nothing joins, and addresses that nobody has, are told', () => {
  const passing = { network: 'd:q:pods', passing: 'unconnected' as const, by: [] };
  expect(answerText({ ...ANSWER, ways: [{ ...WAY, passing }] })).toContain(
    'nothing passes from d:p:pods to d:q:pods: no network policy joins them',
  );
  expect(answerText({ ...ANSWER, ways: [], nowhere: 'unknown' })).toContain('nobody in the networks');
  expect(answerText({ ...ANSWER, ways: [], nowhere: 'astray' })).toContain('no network policy joins');
});

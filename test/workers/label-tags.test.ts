/** Labels of pods as tags. */
import { expect, test } from '@jest/globals';
import { tagName } from '../../contrail/desired/tag.ts';
import { labelTags, parseTag } from '../../workers/label-tags.ts';

const tags = (labels: Record<string, string>, namespaceLabels: Record<string, string> = {}): readonly string[] =>
  labelTags({ pod: { namespace: 'shop', labels }, namespaceLabels }).flatMap(tagName);

test.each<
  [why: string, labels: Record<string, string>, namespaceLabels: Record<string, string>, want: readonly string[]]
>([
  ['each label, with its type in lower case', { App: 'Web' }, {}, ['app=Web', 'namespace=shop']],
  ['a namespace’s before a pod’s', { team: 'a', app: 'web' }, { Team: 'b' }, ['app=web', 'namespace=shop', 'team=b']],
  ['a pod claims no other namespace', { namespace: 'bank', Namespace: 'bank' }, {}, ['namespace=shop']],
  ['the recommended labels', { 'app.kubernetes.io/name': 'web' }, {}, ['app.kubernetes.io/name=web', 'namespace=shop']],
  [
    'none of Kubernetes’ own, of controllers and of ours',
    { 'statefulset.kubernetes.io/pod-name': 'web-0', 'pod-template-hash': '5d8', 'opencontrail.org/name': 'web' },
    { 'kubernetes.io/metadata.name': 'shop', 'pod-security.kubernetes.io/enforce': 'baseline' },
    ['namespace=shop'],
  ],
  ['none that would choose a set of policies', { application: 'hr', Application: 'hr' }, {}, ['namespace=shop']],
  ['none that would be a policy’s tag', { label: 'cnp__tenants__u__0' }, {}, ['namespace=shop']],
  ['none without a value', { canary: '' }, {}, ['namespace=shop']],
])('%s', (_why, labels, namespaceLabels, want) => {
  expect(tags(labels, namespaceLabels)).toEqual(want);
});

test('a tag’s name says its type and value', () => {
  expect(parseTag('app.kubernetes.io/name=web')).toEqual({ type: 'app.kubernetes.io/name', value: 'web' });
});

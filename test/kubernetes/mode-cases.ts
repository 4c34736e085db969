/** The modes cluster and namespace as a table of cases: the handler is judged by it, and the policy that needs no server. */
import { createNames } from '../../contrail/names.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { Isolation } from '../../kubernetes/intent.ts';

const names = createNames({ cluster: 'k8s', domain: 'default-domain' });

/** What a decision depends on in a cluster called `k8s`. */
export const context = (defaultMode: Isolation) => ({ clusterName: 'k8s', defaultMode, names });
/** The pod network of an isolated namespace. */
const CLUSTER = 'default-domain:k8s-default:k8s-default-pod-network';
export const own = (namespace: string): string => `default-domain:k8s-${namespace}:k8s-${namespace}-pod-network`;

/** A namespace with its annotations, and what its pods are assigned. */
export interface ModeCase {
  readonly name: string;
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly defaultMode: Isolation;
  readonly want: readonly [mode: string, network: string, from: string];
}

export const MODE_CASES: readonly ModeCase[] = [
  {
    name: 'nothing asked, cluster default',
    namespace: 'a',
    annotations: {},
    defaultMode: 'cluster',
    want: ['cluster', CLUSTER, 'cluster'],
  },
  {
    name: 'nothing asked, namespace default',
    namespace: 'a',
    annotations: {},
    defaultMode: 'namespace',
    want: ['namespace', own('a'), 'cluster'],
  },
  {
    name: 'isolated',
    namespace: 'a',
    annotations: { [ANNOTATION.isolation]: 'true' },
    defaultMode: 'cluster',
    want: ['namespace', own('a'), 'namespace'],
  },
  {
    name: 'isolated, any case',
    namespace: 'a',
    annotations: { [ANNOTATION.isolation]: ' TRUE ' },
    defaultMode: 'cluster',
    want: ['namespace', own('a'), 'namespace'],
  },
  {
    name: 'not isolated, against the default',
    namespace: 'a',
    annotations: { [ANNOTATION.isolation]: 'false' },
    defaultMode: 'namespace',
    want: ['cluster', CLUSTER, 'namespace'],
  },
  {
    name: 'the oldest spelling',
    namespace: 'a',
    annotations: { [ANNOTATION.isolatedOld]: 'true' },
    defaultMode: 'cluster',
    want: ['namespace', own('a'), 'namespace'],
  },
  {
    name: 'the newer spelling wins',
    namespace: 'a',
    annotations: { [ANNOTATION.isolatedOld]: 'true', [ANNOTATION.isolation]: 'false' },
    defaultMode: 'cluster',
    want: ['cluster', CLUSTER, 'namespace'],
  },
  {
    name: "the namespace default is the cluster's network",
    namespace: 'default',
    annotations: { [ANNOTATION.isolation]: 'true' },
    defaultMode: 'cluster',
    want: ['cluster', CLUSTER, 'cluster'],
  },
  {
    name: 'the system stays reachable where namespaces are isolated by default',
    namespace: 'kube-system',
    annotations: {},
    defaultMode: 'namespace',
    want: ['cluster', CLUSTER, 'cluster'],
  },
];

/**
 * The computations behind policies, without stores or kernels, in time of the processor: 75,000 policies and 100,000 pods to security groups (what all workers
 * do together after a loss of everything), and the share of one of 1,000 nodes to what its kernel is given.
 */
import { desiredNetworkPolicy } from '../contrail/desired/network-policy.ts';
import { tapName } from '../contrail/names.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import { slimNetworkPolicy } from '../kubernetes/network-policy.ts';
import { slimPod } from '../kubernetes/objects.ts';
import type { Policy, Pod, World } from '../test/policy/reference.ts';
import { objectsOf, rawPod } from '../test/policy/translated.ts';
import { settings } from '../test/workers/settings-for-tests.ts';
import { compile } from '../vrouter/compile/compile.ts';
import { render } from '../vrouter/linux/render.ts';
import { policySubject } from '../workers/desired/network-policy.ts';
import { createGroups } from '../workers/groups.ts';
import { openGroups, policyMemberships } from '../workers/policy-membership.ts';
import { percentile, ratioLine } from './statistics.ts';

const NAMESPACES = 25_000;
const PODS_EACH = 4;
/** Of a node: one pod of each of a hundred namespaces, whose other pods are elsewhere. */
const NAMESPACES_ON_NODE = 100;
const ROUNDS = 20;
/** What was published of Antrea for as many (5.8 to 6.4 s), and the aims of ours. */
const ANTREA_SECONDS = 6.1;
const SHARE_MS = 100;
const MEMORY_MB = 1_600;

/** The lines of the report. */
export function translationOfCluster(): readonly string[] {
  const { seconds, megabytes } = wholeCluster();
  const share = shareOfNode();
  const what = `${NAMESPACES * 3} policies and ${NAMESPACES * PODS_EACH} pods`;
  return [
    ratioLine(`${what} to groups, against Antrea’s published`, seconds, ANTREA_SECONDS, 's'),
    ratioLine(`memory of that, against the aim`, megabytes, MEMORY_MB, 'MB'),
    ratioLine(`a node’s share compiled and rendered, p50, against the aim`, share, SHARE_MS, 'ms'),
  ];
}

function wholeCluster(): { readonly seconds: number; readonly megabytes: number } {
  const { names } = settings;
  const policies = numbered(NAMESPACES)
    .flatMap(policiesOf)
    .map((each) => slimNetworkPolicy(each as unknown as KubeObject));
  const pods = numbered(NAMESPACES).flatMap((index) => podsOf(index).map((each) => slimPod(rawPod(each))));
  const startedAt = process.cpuUsage();
  const groups = createGroups(names);
  for (const object of policies) groups.policies.take({ kind: 'put', object });
  const objects = policies.map((policy) => desiredNetworkPolicy(policySubject(policy, [], names), settings));
  const memberships = pods.map((pod) => {
    const near = groups.policiesFor(pod.namespace);
    const placed = { pod, namespaceLabels: {} };
    return [openGroups(placed, near, names), policyMemberships(placed, near, names)];
  });
  const seconds = millisecondsSince(startedAt) / 1000;
  if (objects.length + memberships.length === 0) throw new Error('nothing was translated');
  return { seconds, megabytes: process.memoryUsage.rss() / 1e6 };
}

function shareOfNode(): number {
  const spaces = numbered(NAMESPACES_ON_NODE);
  const world: World = {
    namespaces: Object.fromEntries(spaces.map((index) => [`ns-${index}`, {}])),
    pods: spaces.flatMap(podsOf),
    policies: spaces.flatMap(policiesOf),
  };
  const objects = objectsOf(world, ({ name }) => (name.endsWith('-0') ? 'n1' : 'n2'));
  const samples = numbered(ROUNDS).map(() => {
    const startedAt = process.cpuUsage();
    const state = compile({ objects }, 'n1');
    const bindings = new Map(state.ports.map(({ vmi }) => [vmi, tapName(vmi)]));
    render(state, bindings, { device: 'ocvx0', vxlanPort: 4789 });
    return millisecondsSince(startedAt);
  });
  return percentile(samples, 0.5);
}

/** Of this process, whatever else the machine does. */
function millisecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function numbered(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Everything is denied; pods of one label may come in; all may ask for names and for each other. */
function policiesOf(index: number): readonly Policy[] {
  const namespace = `ns-${index}`;
  const policy = (name: string, spec: Policy['spec']): Policy => ({
    metadata: { namespace, name, uid: `${namespace}-${name}` },
    spec,
  });
  const web = { matchLabels: { app: 'a' } };
  return [
    policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy('web', { podSelector: web, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 8080 }] }] }),
    policy('out', {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [{ ports: [{ protocol: 'UDP', port: 53 }] }, { to: [{ podSelector: web }] }],
    }),
  ];
}

function podsOf(index: number): Pod[] {
  return numbered(PODS_EACH).map((each) => ({
    namespace: `ns-${index}`,
    name: `p${index}-${each}`,
    labels: { app: each % 2 === 0 ? 'a' : 'b' },
    ips: [`10.${32 + (index >> 14)}.${(index >> 6) & 255}.${((index & 63) << 2) + each}`],
    ports: [],
  }));
}

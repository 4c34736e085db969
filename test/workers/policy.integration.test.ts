/** NetworkPolicies between a real API server, a worker and the config API: groups come before their members, and go after them. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import type { ContrailClient } from '../../contrail/client.ts';
import type { Reference, SecurityGroup } from '../../contrail/objects.ts';
import { ANNOTATION } from '../../kubernetes/annotations.ts';
import type { KubeClient, KubeObject } from '../../kubernetes/client.ts';
import { type Bed, createNode, firstPort, startBed } from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const POLICIES = '/apis/networking.k8s.io/v1/namespaces/dev/networkpolicies';

let bed: Bed;
let kube: KubeClient;
let contrail: ContrailClient;

withApiServer('network policies', () => {
  beforeAll(async () => {
    bed = await startBed();
    kube = bed.api.kube;
    contrail = bed.contrail;
    await createNode(kube, 'n1', '192.0.2.1');
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev' } });
  });

  afterAll(async () => bed?.stop());

  test('put pods into the groups of policies, and take them out again', async () => {
    await createPod('guarded', 8080);
    await createPod('friend');
    expect(await groupsOf('guarded')).toEqual(['k8s-dev-default-sg']);
    const spec = {
      podSelector: { matchLabels: { app: 'guarded' } },
      ingress: [
        { from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 'web' }, { port: 'nobody' }] },
      ],
    };
    const policy = await kube.post(POLICIES, { metadata: { name: 'guard' }, spec });
    const own = `guard__${policy.metadata.uid}`;
    const [subjects, resolved, open] = await eventually(async () => {
      const groups = await groupsOf('guarded');
      return groups.length === 3 && groups;
    });
    expect([open, subjects]).toEqual(['k8s-dev-default-egress-sg', own]);
    expect(resolved).toMatch(new RegExp(`^${own}__ports__`));
    const peer = await eventually(async () => (await groupsOf('friend')).find((group) => group.startsWith(own)));
    const group = await contrail.readByName('security-group', ['default-domain', 'k8s-dev', resolved ?? '']);
    const rules = (group as SecurityGroup).security_group_entries?.policy_rule ?? [];
    expect(
      rules.map(({ protocol, src_addresses: [source], dst_ports: ports }) => [protocol, source?.security_group, ports]),
    ).toEqual(
      Array.from({ length: 2 }, () => [
        'tcp',
        `default-domain:k8s-dev:${peer}`,
        [{ start_port: 8080, end_port: 8080 }],
      ]),
    );
    const event = await eventually(async () => {
      const { items } = await kube.list('/api/v1/namespaces/dev/events');
      return items.find((item) => (item['involvedObject'] as { uid?: string }).uid === policy.metadata.uid);
    });
    expect([event['reason'], event['message']]).toEqual(['PortUnknown', expect.stringContaining('"nobody"')]);
    const status = { version: 1, problems: 1, messages: [`PortUnknown: ${String(event['message'])}`] };
    await eventually(async () => isDeepStrictEqual(JSON.parse((await statusOf('guard')) ?? '{}'), status));
    await kube.patch(`${POLICIES}/guard`, { metadata: { annotations: { [ANNOTATION.status]: null } } });
    await eventually(async () => (await statusOf('guard')) !== undefined);
    await kube.patch(`${POLICIES}/guard`, {
      spec: { ingress: spec.ingress.map((rule) => ({ ...rule, ports: [{ port: 'web' }] })) },
    });
    await eventually(async () => (await statusOf('guard')) === undefined);
    await kube.delete(`${POLICIES}/guard`);
    await eventually(async () => (await groupsOf('guarded')).join() === 'k8s-dev-default-sg');
    await eventually(async () => (await groupsOf('friend')).join() === 'k8s-dev-default-sg');
    await eventually(
      async () => !(await contrail.list('security-group')).some(({ fq_name }) => fq_name.at(-1)?.startsWith(own)),
    );
  });

  test('what is wrong with one disturbs no other', async () => {
    await createPod('steady');
    const podSelector = { matchLabels: { app: 'steady' } };
    const steady = { podSelector, ingress: [{ ports: [{ port: 80 }] }] };
    const good = await kube.post(POLICIES, { metadata: { name: 'good' }, spec: steady });
    const all = [{ ipBlock: { cidr: '10.0.0.0/8' } }];
    const spec = {
      podSelector,
      ingress: [{ ports: [{ port: 'no' }] }],
      egress: [{ to: all, ports: [{ port: 'no' }] }],
    };
    const wrong = await kube.post(POLICIES, { metadata: { name: 'wrong' }, spec });
    // What the grammar rejects, the API server refuses.
    const outside = [{ from: [{ ipBlock: { cidr: '10.0.0.0/24', except: ['10.1.0.0/24'] } }] }];
    const near = { matchExpressions: [{ key: 'app', operator: 'Near', values: ['x'] }] };
    for (const refused of [{ podSelector, ingress: outside }, { podSelector: near }])
      await expect(kube.post(POLICIES, { metadata: { name: 'refused' }, spec: refused })).rejects.toThrow();
    await eventually(async () => (await groupsOf('steady')).join() === [good, wrong].map(groupOf).join());
    const reasons = await eventually(async () => {
      const { items } = await kube.list('/api/v1/namespaces/dev/events');
      const own = items.filter((item) => (item['involvedObject'] as { uid?: string }).uid === wrong.metadata.uid);
      return own.length === 2 && own.map(({ reason }) => reason);
    });
    expect(reasons).toEqual(['PortUnknown', 'PortUnknown']);
    expect([await portsOf(good), await portsOf(wrong)]).toEqual([[80, 80], []]);
    await kube.patch(`${POLICIES}/good`, { spec: { ingress: [{ ports: [{ port: 81 }] }] } });
    await eventually(async () => (await portsOf(good)).join() === '81,81');
  });
});

/** The first ports of the rules of a policy's own group. */
async function portsOf(policy: KubeObject): Promise<readonly number[]> {
  const found = await contrail.readByName('security-group', ['default-domain', 'k8s-dev', groupOf(policy)]);
  const rules = (found as SecurityGroup).security_group_entries?.policy_rule ?? [];
  return rules.flatMap(({ dst_ports: list }) => list.map(({ start_port: port }) => port));
}

/** What stands on a policy of its problems. */
async function statusOf(policy: string): Promise<string | undefined> {
  return (await kube.get(`${POLICIES}/${policy}`))?.metadata.annotations?.[ANNOTATION.status];
}

function groupOf({ metadata: { name, uid } }: KubeObject): string {
  return `${name}__${uid}`;
}

/** Creates a pod with a label, and a container's port of the name `web` where one is given. */
async function createPod(name: string, port?: number): Promise<void> {
  const ports = port === undefined ? {} : { ports: [{ name: 'web', containerPort: port }] };
  const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'none', ...ports }] };
  await kube.post('/api/v1/namespaces/dev/pods', { metadata: { name, labels: { app: name } }, spec });
}

/** The own names of a pod's groups, sorted. */
async function groupsOf(name: string): Promise<readonly string[]> {
  const { vmi: uuid } = await firstPort(kube, 'dev', name);
  const vmi = await contrail.read('virtual-machine-interface', uuid);
  return ((vmi?.['security_group_refs'] ?? []) as Reference[]).map(({ to }) => to.at(-1) ?? '').sort();
}

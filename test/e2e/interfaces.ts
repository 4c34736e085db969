/**
 * Several interfaces and static addresses: two namespaces with networks of the same subnet, and pods of the same addresses on the
 * same nodes. Each reaches its own namesake, and nobody else's.
 */
import { contrailNames } from './contrail.ts';
import type { LabHandle } from '../lab/handle.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACES = ['interfaces-a', 'interfaces-b'] as const;
const CIDR = '10.200.0.0/24';
const SAME_ADDRESS = '10.200.0.11';
const SAME_MAC = '02:00:00:00:00:11';
const STATIC = '10.40.0.77';

/** Run by `npm run e2e -- interfaces`, and as part of `addresses`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  for (const namespace of NAMESPACES) await lab.createNamespace(namespace);
  await lab.apply(NAMESPACES.map((namespace) => definition(namespace, 'storage', CIDR)));
  await lab.apply([{ ...definition(NAMESPACES[1], 'foreign'), spec: { config: '{"type":"macvlan"}' } }]);
  await lab.apply(NAMESPACES.flatMap((namespace) => podsOf(namespace, lab.nodes)));
  for (const namespace of NAMESPACES) {
    await report.check(`${namespace}: kubelet's probes find each pod`, () => lab.podsReady(namespace));
  }
  for (const namespace of NAMESPACES) await reachesOwnOnly(namespace, { lab, report });
  await statusIsValid(lab, report);
  await refusals(lab, report);
  await addressComesBack(lab, report);
  await ofAnotherNamespace(lab, report);
  await inUse(lab, report);
}

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

async function reachesOwnOnly(namespace: string, { lab, report }: Context): Promise<void> {
  for (const name of ['far', 'routed', 'beside']) {
    for (const protocol of ['http', 'udp'] as const) {
      await report.check(`${namespace}/${name} → ${SAME_ADDRESS} ${protocol} is its own network's`, async () => {
        const answer = await lab.waitFor('an answer', () =>
          dial(lab, { namespace, name }, { host: SAME_ADDRESS, protocol }),
        );
        if (answer !== `${namespace}-same`) throw new Error(`${answer} answered`);
      });
    }
    await report.check(`${namespace}/${name} resolves names`, () => resolves(lab, { namespace, name }));
  }
  const outsider = await dial(lab, { namespace, name: 'plain' }, { host: SAME_ADDRESS, protocol: 'http' });
  report.equal(`${namespace}/plain has no way to ${SAME_ADDRESS}`, outsider, undefined);
}

/** What agnhost's peer answers at an address, its host name, or `undefined`. */
async function dial(
  lab: LabHandle,
  from: { readonly namespace: string; readonly name: string },
  to: { readonly host: string; readonly protocol: 'http' | 'udp' },
): Promise<string | undefined> {
  const port = to.protocol === 'http' ? 8080 : 8081;
  const query = `host=${to.host}&protocol=${to.protocol}&port=${port}&request=hostname&tries=1`;
  const command = `timeout 7 wget -q -O - 'http://127.0.0.1:8080/dial?${query}'`;
  const { stdout } = await lab.execInPod({ ...from, container: 'shell' }, ['sh', '-c', command]);
  return /"responses":\["([^"]+)"/.exec(stdout)?.[1];
}

async function resolves(lab: LabHandle, pod: { readonly namespace: string; readonly name: string }): Promise<void> {
  const command = ['nslookup', 'kubernetes.default.svc.cluster.local'];
  const { stdout } = await lab.execInPod({ ...pod, container: 'shell' }, command);
  if (!stdout.includes('10.96.0.1')) throw new Error(stdout);
}

interface Status {
  readonly name: string;
  readonly interface: string;
  readonly ips: readonly string[];
  readonly mac: string;
  readonly default: boolean;
}

async function statusIsValid(lab: LabHandle, report: Reporter): Promise<void> {
  const pod = await lab.get<{
    readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
    readonly status: { readonly podIP: string };
  }>(['pod', 'same', '-n', NAMESPACES[0]]);
  // The Network Plumbing Working Group's form.
  const status = JSON.parse(
    pod?.metadata.annotations['k8s.v1.cni.cncf.io/network-status'] ?? '[]',
  ) as readonly Status[];
  report.equal(
    'network-status names each interface',
    status.map((each) => each.interface),
    ['eth0', 'data'],
  );
  report.equal('network-status has the further one as it was asked for', status[1], {
    name: `${NAMESPACES[0]}/storage`,
    interface: 'data',
    ips: [SAME_ADDRESS],
    mac: SAME_MAC,
    default: false,
    dns: {},
  });
  report.equal("the pod's address is eth0's", pod?.status.podIP, status[0]?.ips[0]);
}

async function refusals(lab: LabHandle, report: Reporter): Promise<void> {
  const [, namespace] = NAMESPACES;
  const networks = 'k8s.v1.cni.cncf.io/networks';
  const rows: readonly (readonly [annotations: Readonly<Record<string, string>>, says: string])[] = [
    [{ [networks]: 'nosuch' }, `names ${namespace}/nosuch, which is no NetworkAttachmentDefinition`],
    [{ [networks]: 'foreign' }, 'whose config is of type "macvlan", which is not ours'],
    [{ [networks]: 'storage@eth0' }, 'names the interface "eth0" twice'],
    [{ [networks]: '[{"name":"storage","ips":["10.201.0.1"]}]' }, `which is not in ${CIDR}`],
    [{ [networks]: `[{"name":"storage","ips":["${SAME_ADDRESS}"]}]` }, `which pod ${namespace}/same holds`],
    [{ 'opencontrail.org/ips': STATIC }, `which pod ${NAMESPACES[0]}/static holds`],
    [{ 'opencontrail.org/ips': '192.0.2.1' }, 'which is not in 10.32.0.0/12'],
  ];
  for (const [annotations, says] of rows) {
    const input = JSON.stringify(pod({ namespace, name: 'refused' }, annotations));
    const { code, stderr } = await lab.tryKubectl(['apply', '-f', '-'], { input });
    const [request] = Object.entries(annotations);
    await report.check(`${request?.join(' ')} is refused at admission`, async () => {
      if (code === 0 || !stderr.includes(says)) throw new Error(`${code}: ${stderr}`);
    });
  }
}

/** By the verb "use" on the definition, asked of the pod's service account; and by sharing the network that it names. */
async function ofAnotherNamespace(lab: LabHandle, report: Reporter): Promise<void> {
  const [owner, namespace] = NAMESPACES;
  const guest = pod({ namespace, name: 'guest', node: lab.nodes.at(-1) ?? '' }, networks(`${owner}/storage@far`));
  const attempt = () => lab.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(guest) });
  const refused = await attempt();
  report.equal("a definition of another namespace's is refused", refused.code === 0, false);
  report.equal('the refusal names who lacks what', /service account default may not use/.test(refused.stderr), true);
  await lab.apply(mayUseStorage(owner, namespace));
  await report.check('the verb "use" on the definition permits it', async () => {
    await lab.waitFor('the pod to be admitted', async () => (await attempt()).code === 0, { timeoutMs: 30_000 });
    await lab.podsReady(namespace, ['guest']);
    const host = SAME_ADDRESS;
    const answer = await lab.waitFor('an answer', () =>
      dial(lab, { namespace, name: 'guest' }, { host, protocol: 'http' }),
    );
    if (answer !== `${owner}-same`) throw new Error(`${answer} answered`);
  });
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: 'denied' },
    spec: { selector: { matchLabels: { app: 'denied' } }, template: deniedTemplate(owner) },
  };
  await lab.apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: 'nobody' } }, deployment]);
  await report.check("a controller's pods are judged by their service account", async () => {
    await lab.waitFor('the refusal', async () => {
      const events = await lab.kubectl(['get', 'events', '-n', namespace, '--field-selector=reason=FailedCreate']);
      return events.includes('service account nobody may not use');
    });
  });
}

function mayUseStorage(owner: string, guest: string): readonly object[] {
  const group = 'rbac.authorization.k8s.io';
  const resources = ['network-attachment-definitions'];
  const rules = [{ apiGroups: ['k8s.cni.cncf.io'], resources, resourceNames: ['storage'], verbs: ['use'] }];
  const metadata = { namespace: owner, name: 'use-storage' };
  return [
    { apiVersion: `${group}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'Role', name: 'use-storage' },
      subjects: [{ kind: 'ServiceAccount', namespace: guest, name: 'default' }],
    },
  ];
}

function deniedTemplate(owner: string): object {
  const containers = [{ name: 'main', image: 'docker.io/library/busybox:lab', imagePullPolicy: 'Never' }];
  return {
    metadata: { labels: { app: 'denied' }, annotations: networks(`${owner}/storage`) },
    spec: { serviceAccountName: 'nobody', containers },
  };
}

async function inUse(lab: LabHandle, report: Reporter): Promise<void> {
  const [, namespace] = NAMESPACES;
  const remove = () => lab.tryKubectl(['delete', 'net-attach-def', 'storage', '-n', namespace, '--wait=false']);
  const refused = await remove();
  report.equal('a definition in use is not deleted', refused.code === 0, false);
  report.equal('the refusal names a user', refused.stderr.includes(`${namespace}/beside`), true);
  await lab.kubectl(['delete', 'pods', '--all', '-n', namespace, '--now']);
  await report.check('without users it is deleted, and its network goes', async () => {
    await lab.waitFor('the deletion', async () => (await remove()).code === 0);
    await lab.waitFor(
      'the network to be gone',
      async () =>
        !(await contrailNames(lab, 'virtual-network')).some((name) => name.includes(`k8s-${namespace}:k8s-storage`)),
    );
  });
}

/** An address that a pod held is the next one's, on another node. */
async function addressComesBack(lab: LabHandle, report: Reporter): Promise<void> {
  const [namespace] = NAMESPACES;
  await lab.kubectl(['delete', 'pod', '-n', namespace, 'static', '--now']);
  const annotations = { 'opencontrail.org/ips': STATIC, 'opencontrail.org/mac': '02:00:00:00:aa:02' };
  const input = JSON.stringify(pod({ namespace, name: 'heir', node: lab.nodes.at(-1) ?? '' }, annotations));
  await lab.waitFor(
    'the address to be free',
    async () => (await lab.tryKubectl(['apply', '-f', '-'], { input })).code === 0,
  );
  await report.check('a static address moves to another pod on another node', async () => {
    await lab.podsReady(namespace, ['heir']);
    const answer = await lab.waitFor('an answer', () =>
      dial(lab, { namespace, name: 'plain' }, { host: STATIC, protocol: 'http' }),
    );
    if (answer !== `${namespace}-heir`) throw new Error(`${answer} answered`);
  });
}

function definition(namespace: string, name: string, cidr?: string): object {
  return {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { namespace, name, annotations: cidr === undefined ? {} : { 'opencontrail.org/cidr': cidr } },
    spec: { config: '{"cniVersion":"1.0.0","type":"opencontrail-cni"}' },
  };
}

function networks(value: unknown): Readonly<Record<string, string>> {
  return { 'k8s.v1.cni.cncf.io/networks': typeof value === 'string' ? value : JSON.stringify(value) };
}

function podsOf(namespace: string, nodes: readonly string[]): readonly object[] {
  const [near = '', far = near] = nodes;
  const same = [{ name: 'storage', ips: [SAME_ADDRESS], mac: SAME_MAC, interface: 'data' }];
  const routed = [{ name: 'storage', 'default-route': ['10.200.0.254'] }];
  return [
    pod({ namespace, name: 'same', node: near }, networks(same)),
    pod({ namespace, name: 'beside', node: near }, networks(`${namespace}/storage@further`)),
    pod({ namespace, name: 'far', node: far }, networks('storage')),
    pod({ namespace, name: 'routed', node: near }, networks(routed)),
    pod({ namespace, name: 'plain', node: near }, {}),
    ...(namespace === NAMESPACES[0]
      ? [
          pod(
            { namespace, name: 'static', node: near },
            { 'opencontrail.org/ips': STATIC, 'opencontrail.org/mac': '02:00:00:00:aa:01' },
          ),
        ]
      : []),
  ];
}

function pod(
  { namespace, name, node }: { readonly namespace: string; readonly name: string; readonly node?: string },
  annotations: Readonly<Record<string, string>>,
): object {
  const image = { imagePullPolicy: 'Never' };
  const peer = {
    ...image,
    name: 'peer',
    image: 'docker.io/library/agnhost:lab',
    args: ['netexec', '--http-port=8080', '--udp-port=8081'],
    readinessProbe: { httpGet: { path: '/hostname', port: 8080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, annotations },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      hostname: `${namespace}-${name}`,
      terminationGracePeriodSeconds: 0,
      containers: [peer, { ...image, name: 'shell', image: 'docker.io/library/busybox:lab' }],
    },
  };
}

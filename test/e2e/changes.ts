/** Changing one's mind on a running cluster: isolation on and off, networks of users' own in use and gone, permissions. */
import type { LabHandle } from '../lab/handle.ts';
import { contrailNames } from './contrail.ts';
import { addressOf, dial, dialPod, dialService, expectDial } from './dial.ts';
import type { Reporter } from './reporter.ts';
import { suite as starts } from './starts.ts';

interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
}

const ISOLATION = 'opencontrail.org/isolation';
const NETWORK = 'opencontrail.org/network';
const STATUS = 'opencontrail.org/status';
const SNAT = 'opencontrail.org/ip_fabric_snat';
const FORWARDING = 'opencontrail.org/ip_fabric_forwarding';
/** The namespace that changes its mind, and one that stays as it is. */
const HOME = 'changes-home';
const OUT = 'changes-out';

/** Run by `npm run e2e -- changes`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const context = { lab, report };
  await isolationOnAndOff(context);
  await networkInUse(context);
  await permission(context);
  await movedToAnotherNetwork(context);
  await starts(lab, report);
}

async function isolationOnAndOff(context: Context): Promise<void> {
  const { lab, report } = context;
  await lab.createNamespace(HOME);
  await lab.createNamespace(OUT);
  await lab.apply([
    pod(HOME, 'old'),
    pod(OUT, 'out'),
    dialService({ namespace: HOME, name: 'web' }, { role: 'web' }),
    dialService({ namespace: OUT, name: 'web' }, { role: 'web' }),
  ]);
  await lab.podsReady(HOME);
  await lab.podsReady(OUT);
  const web = await addressOf('service', HOME, 'web', lab);
  const outWeb = await addressOf('service', OUT, 'web', lab);
  const [old, out] = [await addressOf('pod', HOME, 'old', lab), await addressOf('pod', OUT, 'out', lab)];
  await expectDial({ namespace: OUT, name: 'out' }, { what: 'service of home', address: web, want: 'old' }, context);

  await lab.kubectl(['annotate', 'namespace', HOME, `${ISOLATION}=true`]);
  await outdated(['old'], 'namespace', context);
  await lab.apply([pod(HOME, 'new')]);
  await lab.podsReady(HOME);
  const fresh = await addressOf('pod', HOME, 'new', lab);
  report.equal('the old pod keeps its address', await addressOf('pod', HOME, 'old', lab), old);
  const from = (name: string, namespace = HOME) => ({ namespace, name });
  await expectDial(from('old'), { what: 'a pod of the cluster', address: out, want: 'out' }, context);
  await expectDial(from('new'), { what: 'a pod of the cluster', address: out, want: undefined }, context);
  await expectDial(from('new'), { what: 'a service of the cluster', address: outWeb, want: 'out' }, context);
  await expectDial(from('old'), { what: 'the new pod', address: fresh, want: undefined }, context);
  await reachesEither(from('old'), web, context);
  await reachesEither(from('new'), web, context);
  report.note('its services move when the last old pod has gone');
  await lab.kubectl(['delete', 'pod', 'old', '-n', HOME, '--now']);
  await outdated([], 'namespace', context);
  await expectDial(from('new'), { what: 'its service', address: web, want: 'new' }, context);
  await expectDial(from('out', OUT), { what: 'the service of home', address: web, want: undefined }, context);
  await flags(context);

  await lab.kubectl(['annotate', '--overwrite', 'namespace', HOME, `${ISOLATION}=false`]);
  await outdated(['new'], 'cluster', context);
  await expectDial(from('out', OUT), { what: 'the service of home', address: web, want: 'new' }, context);
  await expectDial(from('new'), { what: 'its service', address: web, want: 'new' }, context);
  await expectDial(
    from('out', OUT),
    { what: 'the pod that is still isolated', address: fresh, want: undefined },
    context,
  );
  report.equal('its network is kept while a pod is in it', (await ownNetworks(lab)).length > 0, true);
  await lab.kubectl(['delete', 'pod', 'new', '-n', HOME, '--now']);
  await outdated([], 'cluster', context);
  await report.check('the network goes with its last pod', async () => {
    await lab.waitFor('the network to be gone', async () => (await ownNetworks(lab)).length === 0);
  });
}

function pod(namespace: string, name: string, annotations: Readonly<Record<string, string>> = {}): object {
  return dialPod({ namespace, name, labels: { role: 'web' }, annotations });
}

/** A service with old and new pods behind it answers everybody while both are there. */
async function reachesEither(
  from: { namespace: string; name: string },
  web: string,
  { lab, report }: Context,
): Promise<void> {
  await report.check(`${from.namespace}/${from.name} → its service answers through old and new pods`, async () => {
    const seen = new Set<string>();
    await lab.waitFor('answers of both', async () => {
      seen.add(await dial(from, web, lab));
      return seen.has('old') && seen.has('new');
    });
  });
}

async function ownNetworks(lab: LabHandle): Promise<readonly string[]> {
  return (await contrailNames(lab, 'virtual-network')).filter((name) => name.includes(`:k8s-${HOME}:`));
}

async function outdated(pods: readonly string[], mode: string, context: Context): Promise<void> {
  const want = pods.length === 0 ? undefined : { version: 1, mode, outdated: pods.length, pods };
  await statusReads(pods.length === 0 ? 'no pod is outdated' : `the status names ${pods.join(', ')}`, want, context);
}

/** Forwarding has precedence; what is taken back is not spoken of. */
async function flags(context: Context): Promise<void> {
  const annotate = (...values: readonly string[]) =>
    context.lab.kubectl(['annotate', '--overwrite', 'namespace', HOME, ...values]);
  const status = { version: 1, mode: 'namespace', outdated: 0, pods: [] };
  await annotate(`${SNAT}=true`);
  await statusReads('the status says that SNAT is on', { ...status, snat: true, forwarding: false }, context);
  await annotate(`${FORWARDING}=true`);
  await statusReads('the status says that forwarding is on', { ...status, snat: false, forwarding: true }, context);
  await annotate(`${SNAT}-`, `${FORWARDING}-`);
  await outdated([], 'namespace', context);
}

async function statusReads(title: string, want: object | undefined, { lab, report }: Context): Promise<void> {
  await report.check(title, async () => {
    await lab.waitFor(JSON.stringify(want ?? 'no status'), async () => {
      const namespace = await lab.get<{ metadata: { annotations?: Record<string, string> } }>(['namespace', HOME]);
      const text = namespace?.metadata.annotations?.[STATUS];
      return JSON.stringify(text === undefined ? undefined : JSON.parse(text)) === JSON.stringify(want);
    });
  });
}

async function networkInUse({ lab, report }: Context): Promise<void> {
  await lab.apply([virtualNetwork(HOME, 'blue'), pod(HOME, 'user', { [NETWORK]: 'blue' })]);
  await lab.podsReady(HOME);
  await lab.waitFor('the status to name the user', async () =>
    (await lab.kubectl(['get', 'vn', 'blue', '-n', HOME, '-o', 'jsonpath={.status.users.names}'])).includes('user'),
  );
  const refused = await lab.tryKubectl(['delete', 'vn', 'blue', '-n', HOME, '--wait=false']);
  report.equal('a network in use is not deleted', refused.code === 0, false);
  report.equal('the refusal names the user', refused.stderr.includes(`${HOME}/user`), true);
  await lab.kubectl(['delete', 'pod', 'user', '-n', HOME, '--now']);
  await report.check('without users it is deleted', async () => {
    await lab.waitFor(
      'the deletion',
      async () => (await lab.tryKubectl(['delete', 'vn', 'blue', '-n', HOME, '--wait=false'])).code === 0,
    );
    await lab.waitFor('the network to be gone', async () => (await ownNetworks(lab)).length === 0);
  });
  const bad = virtualNetwork(HOME, 'bad', { subnets: [{ cidr: '10.20.0.0/24', gateway: '10.30.0.1' }] });
  await report.check('a gateway outside of its subnet is refused by the schema', async () => {
    const answer = await lab.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(bad) });
    if (!answer.stderr.includes('the gateway must be an address of the subnet')) throw new Error(answer.stderr);
  });
}

function virtualNetwork(namespace: string, name: string, spec: object = {}): object {
  return {
    apiVersion: 'opencontrail.org/v1alpha1',
    kind: 'VirtualNetwork',
    metadata: { namespace, name },
    spec: { subnets: [{ cidr: '10.44.0.0/24' }], ...spec },
  };
}

async function permission({ lab, report }: Context): Promise<void> {
  await lab.apply([virtualNetwork(HOME, 'red')]);
  const foreign = pod(OUT, 'guest', { [NETWORK]: `${HOME}/red` });
  const attempt = () => lab.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(foreign) });
  const refused = await attempt();
  report.equal('a network of another namespace is refused', refused.code === 0, false);
  report.equal('the refusal names who lacks what', /service account default may not use/.test(refused.stderr), true);
  await lab.apply([
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { namespace: HOME, name: 'use-red' },
      rules: [
        { apiGroups: ['opencontrail.org'], resources: ['virtualnetworks'], resourceNames: ['red'], verbs: ['use'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { namespace: HOME, name: 'use-red' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'use-red' },
      subjects: [{ kind: 'ServiceAccount', namespace: OUT, name: 'default' }],
    },
  ]);
  await report.check('the verb "use" permits it', async () => {
    await lab.waitFor('the pod to be admitted', async () => (await attempt()).code === 0, { timeoutMs: 30_000 });
    await lab.podsReady(OUT, ['guest']);
  });
  await lab.kubectl(['delete', 'pod', 'guest', '-n', OUT, '--now']);
  await lab.kubectl(['delete', 'rolebinding', 'use-red', '-n', HOME]);
  await lab.apply([virtualNetwork(HOME, 'red', { sharing: { namespaces: [OUT] } })]);
  await report.check('sharing permits it', async () => {
    await lab.waitFor('the pod to be admitted', async () => (await attempt()).code === 0, { timeoutMs: 30_000 });
    await lab.podsReady(OUT, ['guest']);
  });
  await lab.kubectl(['delete', 'pod', 'guest', '-n', OUT, '--now']);
}

async function movedToAnotherNetwork(context: Context): Promise<void> {
  const { lab } = context;
  await lab.apply([virtualNetwork(HOME, 'one'), virtualNetwork(HOME, 'two')]);
  await lab.kubectl(['annotate', '--overwrite', 'namespace', HOME, `${NETWORK}=one`]);
  await lab.apply([pod(HOME, 'first')]);
  await lab.podsReady(HOME, ['first']);
  await lab.kubectl(['annotate', '--overwrite', 'namespace', HOME, `${NETWORK}=two`]);
  await outdated(['first'], 'custom', context);
  await lab.apply([pod(HOME, 'second'), dialService({ namespace: HOME, name: 'second' }, { peer: 'second' })]);
  await lab.podsReady(HOME, ['second']);
  const web = await addressOf('service', OUT, 'web', lab);
  await expectDial(
    { namespace: HOME, name: 'second' },
    { what: 'a service of the cluster', address: web, want: 'out' },
    context,
  );
  await expectDial(
    { namespace: HOME, name: 'first' },
    { what: 'a service of the cluster', address: web, want: 'out' },
    context,
  );
  await lab.apply([virtualNetwork(HOME, 'two', { serviceAccess: false })]);
  await expectDial(
    { namespace: HOME, name: 'second' },
    { what: 'a service, its access taken away', address: web, want: undefined },
    context,
  );
  await lab.kubectl(['delete', 'pod', 'first', 'second', '-n', HOME, '--now']);
  await outdated([], 'custom', context);
}

/** ServiceChains by a worker between a real API server, a real Redis and the embedded config API. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { ContrailClient } from '../../contrail/client.ts';
import type { NetworkPolicy, Reference, VirtualMachineInterface } from '../../contrail/objects.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import {
  type Bed,
  type Conditioned,
  createAttachment,
  createNode,
  firstPort,
  installAttachments,
  settledStatus,
  startBed,
} from './bed.ts';
import { eventually } from './programs.ts';
import { withApiServer } from './with-apiserver.ts';

jest.setTimeout(120_000);

const GROUP = '/apis/opencontrail.org/v1alpha1/namespaces/dev';
const [apiVersion, PROJECT] = ['opencontrail.org/v1alpha1', ['default-domain', 'k8s-dev']] as const;
const PODS = '/api/v1/namespaces/dev/pods';
const FIREWALL = { name: 'firewall', selector: { matchLabels: { app: 'firewall' } } };
const NAT = { name: 'nat', kind: 'InNetworkNAT', selector: { matchLabels: { app: 'nat' } }, whenEmpty: 'Bypass' };
const SERVICE = [...PROJECT, 'k8s__ServiceChain__inspect__firewall'];

interface Status extends Conditioned {
  readonly instances?: string;
  readonly services?: readonly { readonly name: string; readonly idle?: readonly string[] }[];
}

let bed: Bed;
let kube: KubeClient;
let contrail: ContrailClient;

withApiServer('a worker', () => {
  beforeAll(async () => {
    bed = await startBed({ 'resync-interval': '600' });
    kube = bed.api.kube;
    contrail = bed.contrail;
    await installAttachments(kube);
    await kube.post('/api/v1/namespaces', { metadata: { name: 'dev' } });
    await createNode(kube, 'n1', '192.0.2.1');
    for (const [name, cidr] of [
      ['blue', '10.71.0.0/24'],
      ['green', '10.72.0.0/24'],
    ] as const)
      await post('virtualnetworks', 'VirtualNetwork', name, { subnets: [{ cidr }] });
    await createAttachment(kube, {
      namespace: 'dev',
      name: 'green',
      annotations: { 'opencontrail.org/network': 'green' },
    });
    for (const name of ['fw-0', 'fw-1']) await pod(name, 'firewall');
    await pod('lost', 'firewall', { 'k8s.v1.cni.cncf.io/networks': '[]' });
    await pod('nat-0', 'nat');
  }, 120_000);

  afterAll(async () => bed?.stop());

  test('makes a tuple of each pod that has both interfaces, and interfaces refer to it while their pod is Ready', async () => {
    await post('servicechains', 'ServiceChain', 'inspect', chainOf([FIREWALL]));
    const before = await statusOf('inspect', ({ conditions }) => conditions?.[0]?.reason === 'NoInstance');
    expect(before).toMatchObject({
      instances: 'firewall 0/3',
      services: [{ idle: ['pod lost has no interface in network default-domain:k8s-dev:green'] }],
    });
    expect(before.conditions?.[0]?.message).toContain('so nothing passes');
    await eventually(async () => (await tuples()).join() === 'fw-0,fw-1');
    expect(await sidesOf('fw-0')).toEqual([[], []]);
    await ready('fw-0', 'True');
    const both = ['left fw-0', 'right fw-0'];
    await eventually(async () => (await sidesOf('fw-0')).flat().join() === both.join());
    await statusOf('inspect', ({ instances }) => instances === 'firewall 1/3');
    await ready('fw-0', 'False');
    await eventually(async () => (await sidesOf('fw-0')).flat().length === 0);
    await ready('fw-0', 'True');
    await eventually(async () => (await sidesOf('fw-0')).flat().length === 2);
  });

  test('says what the services are', async () => {
    const service = await contrail.readByName('service-instance', SERVICE);
    expect(service).toMatchObject({
      service_instance_properties: {
        left_virtual_network: 'default-domain:k8s-dev:blue',
        right_virtual_network: 'default-domain:k8s-dev:green',
      },
      annotations: { key_value_pair: expect.arrayContaining([{ key: 'when_empty', value: 'block' }]) },
    });
    const [template] = (service?.['service_template_refs'] ?? []) as readonly Reference[];
    expect(await contrail.readByName('service-template', template?.to ?? [])).toMatchObject({
      service_template_properties: { version: 2, service_mode: 'in-network' },
    });
  });

  test('leads a connection through its services, in their order from either side, and only from the left before a translator', async () => {
    const networks = [{ name: 'green' }, { name: 'blue' }];
    await post('networkconnections', 'NetworkConnection', 'led', {
      networks,
      through: 'inspect',
      ports: [{ port: 80 }],
    });
    await eventually(async () => (await rules('led')).length === 2);
    expect(await ways('led')).toEqual(['blue > green by firewall', 'green > blue by firewall']);
    await kube.patch(`${GROUP}/servicechains/inspect`, { spec: { services: [FIREWALL, NAT] } });
    await eventually(async () => (await rules('led')).length === 1);
    expect(await ways('led')).toEqual(['blue > green by firewall nat']);
    await statusOf('inspect', ({ instances }) => instances === 'firewall 1/3, nat 0/1');
    const { conditions } = await statusOf('inspect', ({ conditions: [one] = [] }) => one?.reason === 'NoInstance');
    expect(conditions?.[0]?.message).toContain('service nat has no pod');
    expect(conditions?.[0]?.message).toContain('goes on without it');
  });

  test('a connection is Ready while what it leads through lets something pass', async () => {
    await kube.patch(`${GROUP}/servicechains/inspect`, { spec: { services: [FIREWALL] } });
    await eventually(async () => (await conditionOf('led'))?.status === 'True');
    await ready('fw-0', 'False');
    await eventually(async () => (await conditionOf('led'))?.reason === 'NoInstance');
    expect((await conditionOf('led'))?.message).toContain('ServiceChain dev/inspect has no pod that is Ready');
    expect((await rules('led')).length).toBe(2);
    await ready('fw-0', 'True');
    await eventually(async () => (await conditionOf('led'))?.status === 'True');
    await kube.patch(`${GROUP}/servicechains/inspect`, { spec: { services: [FIREWALL, NAT] } });
  });

  test('a chain says which of its networks is not there, until it comes, and when it goes', async () => {
    const spec = { ...chainOf([{ ...NAT, selector: { matchLabels: { app: 'nobody' } } }]), right: { name: 'red' } };
    await post('servicechains', 'ServiceChain', 'ahead', spec);
    const { conditions } = await statusOf('ahead', isMissing);
    expect(conditions?.[0]?.message).toContain('default-domain:k8s-dev:red');
    await post('virtualnetworks', 'VirtualNetwork', 'red', { subnets: [{ cidr: '10.73.0.0/24' }] });
    await statusOf('ahead', ({ conditions: [one] = [] }) => one?.reason === 'NoInstance');
    await kube.delete(`${GROUP}/virtualnetworks/red`);
    await statusOf('ahead', isMissing);
    await kube.delete(`${GROUP}/servicechains/ahead`);
  });

  test('a chain between networks without a family in common says so, and who leads through it, until one has both', async () => {
    await post('virtualnetworks', 'VirtualNetwork', 'six', { subnets: [{ cidr: 'fd00:76::/64' }] });
    const nobody = { ...NAT, selector: { matchLabels: { app: 'nobody' } } };
    await post('servicechains', 'ServiceChain', 'across', { ...chainOf([nobody]), right: { name: 'six' } });
    const networks = [{ name: 'blue' }, { name: 'six' }];
    await post('networkconnections', 'NetworkConnection', 'across', { networks, through: 'across' });
    const apart = /blue \(IPv4 alone\) and default-domain:k8s-dev:six \(IPv6 alone\)/;
    const { conditions } = await statusOf('across', ({ conditions: [one] = [] }) => one?.reason === 'NoFamilyInCommon');
    expect(conditions?.[0]?.message).toMatch(apart);
    await eventually(async () => (await conditionOf('across'))?.reason === 'NoFamilyInCommon');
    expect((await conditionOf('across'))?.message).toMatch(apart);
    const subnets = [{ cidr: 'fd00:76::/64' }, { cidr: '10.76.0.0/24' }];
    await kube.patch(`${GROUP}/virtualnetworks/six`, { spec: { subnets } });
    await statusOf('across', ({ conditions: [one] = [] }) => one?.reason === 'NoInstance');
    await eventually(async () => (await conditionOf('across'))?.status === 'True');
    await kube.delete(`${GROUP}/networkconnections/across`);
    await kube.delete(`${GROUP}/servicechains/across`);
  });

  test('a chain between networks that no user may name says so', async () => {
    const services = { kind: 'Network', name: 'default-domain:k8s-default:k8s-default-service-network' };
    await post('servicechains', 'ServiceChain', 'reserved', { ...chainOf([FIREWALL]), right: services });
    const { conditions } = await statusOf('reserved', ({ conditions: [one] = [] }) => one?.reason === 'ChainRefused');
    expect(conditions?.[0]?.message).toMatch(/^spec.right: /);
    await kube.delete(`${GROUP}/servicechains/reserved`);
  });

  test('an interface works for the older of two chains alone, and for the other when that is gone', async () => {
    await ready('nat-0', 'True');
    await statusOf('inspect', ({ conditions }) => conditions?.[0]?.status === 'True');
    await post('servicechains', 'ServiceChain', 'too', chainOf([{ ...NAT, kind: 'InNetwork' }]));
    const { services } = await statusOf('too', ({ instances }) => instances === 'nat 0/1');
    expect(services?.[0]?.idle).toEqual([
      'pod nat-0 works with interface eth0 for service nat of ServiceChain inspect',
    ]);
    await kube.patch(`${GROUP}/servicechains/inspect`, { spec: { services: [FIREWALL] } });
    await statusOf('too', ({ instances }) => instances === 'nat 1/1');
    await eventually(async () => (await sidesOf('nat-0', 'too__nat')).flat().length === 2);
  });

  test('two networks are joined by one chain, for the older connection', async () => {
    const networks = [{ name: 'blue' }, { name: 'green' }];
    await post('networkconnections', 'NetworkConnection', 'rival', { networks, through: 'too' });
    await eventually(async () => (await conditionOf('rival'))?.reason === 'ChainConflict');
    expect((await conditionOf('rival'))?.message).toContain('joined by ServiceChain dev/inspect already');
    await kube.delete(`${GROUP}/networkconnections/led`);
    await eventually(async () => (await conditionOf('rival'))?.status === 'True');
    expect(await ways('rival')).toEqual(['blue > green by nat', 'green > blue by nat']);
  });

  test('parts networks whose chain goes, and says so', async () => {
    await kube.delete(`${GROUP}/servicechains/too`);
    await eventually(async () => (await conditionOf('rival'))?.reason === 'ChainMissing');
    expect(await policy('rival')).toBeUndefined();
  });

  test('joins them again by the same chain', async () => {
    await post('servicechains', 'ServiceChain', 'too', chainOf([{ ...NAT, kind: 'InNetwork' }]));
    await eventually(async () => (await conditionOf('rival'))?.status === 'True');
    expect(await ways('rival')).toEqual(['blue > green by nat', 'green > blue by nat']);
  });

  test('nothing is left of chains that go', async () => {
    await kube.delete(`${GROUP}/servicechains/too`);
    await eventually(async () => (await conditionOf('rival'))?.reason === 'ChainMissing');
    await kube.delete(`${GROUP}/servicechains/inspect`);
    for (const type of ['port-tuple', 'service-instance', 'service-template'])
      await eventually(async () => (await contrail.list(type)).length === 0);
    expect((await sidesOf('fw-0')).flat()).toEqual([]);
    await post('servicechains', 'ServiceChain', 'too', chainOf([FIREWALL]));
    await eventually(async () => (await conditionOf('rival'))?.status === 'True');
  });

  test('a pod that goes leaves no tuple', async () => {
    await eventually(async () => (await tuples('too')).join() === 'fw-0,fw-1');
    await kube.delete(`${PODS}/fw-0`, { query: { gracePeriodSeconds: '0' } });
    await eventually(async () => (await tuples('too')).join() === 'fw-1');
  });
});

const isMissing = ({ conditions: [one] = [] }: Status): boolean => one?.reason === 'NetworkMissing';

function chainOf(services: readonly object[]): object {
  return { left: { name: 'blue' }, right: { name: 'green' }, services };
}

async function post(resource: string, kind: string, name: string, spec: object): Promise<void> {
  await kube.post(`${GROUP}/${resource}`, { apiVersion, kind, metadata: { name }, spec });
}

/** A pod on blue by eth0 and, unless said otherwise, on green. */
async function pod(name: string, app: string, annotations: object = {}): Promise<void> {
  const networks = { 'opencontrail.org/network': 'blue', 'k8s.v1.cni.cncf.io/networks': 'green', ...annotations };
  const spec = { nodeName: 'n1', terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'busybox' }] };
  await kube.post(PODS, { metadata: { name, labels: { app }, annotations: networks }, spec });
  await firstPort(kube, 'dev', name);
}

async function ready(name: string, status: 'True' | 'False'): Promise<void> {
  const body = { status: { phase: 'Running', conditions: [{ type: 'Ready', status }] } };
  await kube.patch(`${PODS}/${name}/status`, body, 'application/strategic-merge-patch+json');
}

async function statusOf(name: string, isWanted: (status: Status) => boolean): Promise<Status> {
  return await settledStatus(kube, `${GROUP}/servicechains/${name}`, isWanted);
}

async function conditionOf(name: string) {
  const found = await kube.get(`${GROUP}/networkconnections/${name}`);
  return (found?.['status'] as Status | undefined)?.conditions?.[0];
}

/** Names of the pods that have tuples of the chain's firewall. */
async function tuples(chain = 'inspect'): Promise<readonly string[]> {
  const all = await contrail.list('port-tuple');
  const own = all.filter(({ fq_name: name }) => name.at(-2) === `k8s__ServiceChain__${chain}__firewall`);
  return own.map(({ fq_name: name }) => name.at(-1) ?? '').sort();
}

/** Of each interface of a pod, by its index, `<side> <tuple>` for each tuple that it refers to. */
async function sidesOf(name: string, service = 'inspect__firewall'): Promise<readonly (readonly string[])[]> {
  const { uid } = (await kube.get(`${PODS}/${name}`))?.metadata ?? { uid: '' };
  const found = await contrail.list('virtual-machine-interface', { backRefId: uid, detail: true });
  return (found as readonly VirtualMachineInterface[])
    .map(({ port_tuple_refs: refs = [], virtual_machine_interface_properties: side }) =>
      refs
        .filter(({ to }) => to.at(-2) === `k8s__ServiceChain__${service}`)
        .map(({ to }) => `${side?.service_interface_type} ${to.at(-1)}`),
    )
    .sort((a, b) => a.join().localeCompare(b.join()));
}

async function policy(name: string): Promise<NetworkPolicy | undefined> {
  const found = await contrail.readByName('network-policy', [...PROJECT, `k8s-dev-${name}-connection-np`]);
  return found as NetworkPolicy | undefined; // Read by type.
}

async function rules(name: string) {
  return (await policy(name))?.network_policy_entries?.policy_rule ?? [];
}

async function ways(name: string): Promise<readonly string[]> {
  return (await rules(name)).map(
    ({ direction, src_addresses: [from], dst_addresses: [to], action_list: actions }) =>
      `${last(from?.virtual_network)} ${direction} ${last(to?.virtual_network)} by ${actions?.apply_service?.map(last).join(' ')}`,
  );
}

function last(text: string | null | undefined): string {
  return text?.split(/:|__/).at(-1) ?? '';
}

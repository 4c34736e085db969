/** The change stream: whole first, then what changes; narrowed to a node; taken up again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ContrailClient, createContrailClient } from '../../../contrail/client.ts';
import type { ConfigServer } from '../../../contrail/server/server.ts';
import type { ConfigView } from '../../../contrail/watch.ts';
import { useRedis } from './bed.ts';
import { ask, startServer } from './support.ts';
import { type Watched, watchServer } from './watched.ts';
import {
  attach,
  connect,
  createBase,
  createFloating,
  createNetwork,
  createNode,
  createPod,
  createPool,
  createService,
  createSet,
  GLOBAL_SET,
  inProject,
  openToNodes,
  place,
} from './world.ts';

const redis = useRedis();
let server: ConfigServer;
let client: ContrailClient;
let stop: AbortController;

beforeEach(async () => {
  await redis.raw.flushall();
  server = await startServer(redis.url);
  client = createContrailClient({ endpoints: async () => [server.url] });
  stop = new AbortController();
  await createBase(client);
});

afterEach(async () => {
  stop.abort();
  client.close();
  await server.close();
});

/** Follows a node, or everything. */
function watch(node?: string, through: ContrailClient = client): Watched {
  return watchServer(through, { signal: stop.signal, ...(node === undefined ? {} : { node }) });
}

const plain = (view: ConfigView | undefined) => Object.fromEntries(view?.objects ?? []);
const podOf = (name: string): string[] => [`instance-ip ${name}`, `virtual-machine-interface ${name}`];

const partsOf = (set: string): string[] =>
  ['application-policy-set', 'firewall-policy', 'firewall-rule', 'address-group'].map((type) => `${type} ${set}`);

/** The lines of a stream up to its first `synced`. */
const lines = async (query: string): Promise<{ status: number; lines: Record<string, unknown>[] }> => {
  const abort = new AbortController();
  const response = await fetch(`${server.url}/embedded/watch?${query}`, { signal: abort.signal });
  if (response.status !== 200 || response.body === null) return { status: response.status, lines: [] };
  const found: Record<string, unknown>[] = [];
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const parts = text.split('\n');
    text = parts.pop() ?? '';
    found.push(...parts.map((line) => JSON.parse(line) as Record<string, unknown>));
    if (found.at(-1)?.['kind'] === 'synced') break;
  }
  abort.abort();
  return { status: 200, lines: found };
};

/** The same, once the server has followed the log to where it is now. */
const linesNow = async (query: string): ReturnType<typeof lines> => {
  const status = (await ask(server.url, 'GET', '/embedded/status')).body as { revision: number };
  for (let tries = 0; tries < 250; tries += 1) {
    const answer = await lines(query);
    if (answer.status !== 200 || Number(answer.lines.at(-1)?.['revision']) >= status.revision) return answer;
    await sleep(20);
  }
  throw new Error(`revision ${status.revision} is never reached`);
};

describe('a node is sent', () => {
  test('its pods with their network, and nothing of a network that its own may not talk to', async () => {
    const router = await createNode(client, 'n1');
    await createNetwork(client, 'red');
    await createNetwork(client, 'blue');
    await createPod(client, 'here', 'red', router);
    await createPod(client, 'far', 'red');
    await createPod(client, 'stranger', 'blue');
    const names = await watch('n1').until((all) => all.includes('instance-ip far'));
    expect(names).toEqual(
      expect.arrayContaining([
        ...podOf('here'),
        ...podOf('far'),
        'virtual-machine here',
        'virtual-network red',
        'network-ipam ipam',
      ]),
    );
    expect(names).not.toContain('virtual-machine far');
    for (const stranger of [...podOf('stranger'), 'virtual-network blue']) expect(names).not.toContain(stranger);
  });

  test('a network with its pods when a policy opens it, and the end of them when it closes', async () => {
    const router = await createNode(client, 'n1');
    await createNetwork(client, 'red');
    await createNetwork(client, 'blue');
    await createPod(client, 'here', 'red', router);
    await createPod(client, 'peer', 'blue');
    const watched = watch('n1');
    await watched.until((all) => all.includes('virtual-machine here'));
    const policy = await connect(client, 'np', ['red', 'blue']);
    await watched.until(
      (all) => podOf('peer').every((name) => all.includes(name)) && all.includes('network-policy np'),
    );
    const blue = (await client.fqNameToUuid('virtual-network', inProject('blue'))) ?? '';
    await client.refUpdate({
      type: 'virtual-network',
      uuid: blue,
      refType: 'network-policy',
      refUuid: policy,
      operation: 'DELETE',
    });
    const names = await watched.until((all) => !all.includes('virtual-network blue'));
    expect(names).not.toContain('instance-ip peer');
    await attach(client, 'blue', policy);
    await watched.until((all) => all.includes('instance-ip peer'));
  });

  test('firewall policies of all applications, and of one as soon as a project of its ports is tagged with it', async () => {
    const router = await createNode(client, 'n1');
    await createNetwork(client, 'red');
    await createPod(client, 'here', 'red', router);
    await createSet(client, 'shop');
    await createSet(client, 'bank');
    const watched = watch('n1');
    expect(await watched.until((all) => all.includes('virtual-machine here'))).not.toContain('firewall-rule shop');
    const project = (await client.fqNameToUuid('project', ['default-domain', 'p'])) ?? '';
    await client.setTag('project', project, { application: { is_global: true, value: 'shop' } });
    const names = await watched.until((all) => partsOf('shop').every((part) => all.includes(part)));
    expect(names).toContain('project p');
    for (const part of partsOf('bank')) expect(names).not.toContain(part);
    await client.setTag('project', project, { application: null });
    await watched.until((all) => [...partsOf('shop'), 'project p'].every((part) => !all.includes(part)));
    const everybody = (await client.fqNameToUuid('application-policy-set', GLOBAL_SET)) ?? '';
    await client.refUpdate({
      type: 'application-policy-set',
      uuid: everybody,
      refType: 'firewall-policy',
      refFqName: ['default-policy-management', 'bank'],
      operation: 'ADD',
      attr: { sequence: '00001.0' },
    });
    await watched.until((all) => all.includes('firewall-rule bank') && all.includes('address-group bank'));
  });

  test('what its network may reach as soon as its first pod comes, and no longer when the last has gone', async () => {
    const router = await createNode(client, 'n1');
    await createNetwork(client, 'red');
    const { machine } = await createPod(client, 'pod', 'red');
    await createPod(client, 'other', 'red');
    const watched = watch('n1');
    expect(await watched.until((all) => all.includes('virtual-router n1'))).not.toContain('virtual-network red');
    await place(client, router, machine);
    await watched.until((all) => all.includes('instance-ip other') && all.includes('virtual-machine pod'));
    await place(client, router, machine, 'DELETE');
    const names = await watched.until((all) => !all.includes('virtual-network red'));
    expect(names).not.toContain('instance-ip other');
    expect(names).not.toContain('virtual-machine pod');
  });

  test('the load balancers that it can reach, whole, with the ports of backends in networks that it cannot', async () => {
    const router = await createNode(client, 'n1');
    await createNetwork(client, 'pods');
    await createNetwork(client, 'services');
    await createNetwork(client, 'hidden');
    await createPod(client, 'here', 'pods', router);
    const backend = await createPod(client, 'backend', 'hidden');
    await createPod(client, 'unseen', 'hidden');
    await connect(client, 'np', ['pods', 'services']);
    const watched = watch('n1');
    await watched.until((all) => all.includes('virtual-network services'));
    const { member } = await createService(client, 'svc', 'services', backend.port);
    const parts = [
      'loadbalancer svc',
      'loadbalancer-listener svc',
      'loadbalancer-pool svc',
      'loadbalancer-member m',
      ...podOf('vip-svc'),
    ];
    const names = await watched.until((all) => [...parts, ...podOf('backend')].every((name) => all.includes(name)));
    expect(names).toContain('virtual-network hidden');
    expect(names).not.toContain('instance-ip unseen');
    await client.delete('loadbalancer-member', member ?? '');
    expect(await watched.until((all) => !all.includes('instance-ip backend'))).not.toContain('virtual-network hidden');
  });

  test('networks that the underlay routes, but not what is in them', async () => {
    await createNode(client, 'n1');
    const routed = await createNetwork(client, 'routed');
    await createNetwork(client, 'hidden');
    await createPod(client, 'pod', 'routed');
    const watched = watch('n1');
    await watched.until((all) => all.includes('virtual-network ip-fabric'));
    await client.update('virtual-network', routed, {
      virtual_network_refs: [{ to: ['default-domain', 'default-project', 'ip-fabric'] }],
    });
    const names = await watched.until((all) => all.includes('virtual-network routed'));
    expect(names).toContain('network-ipam ipam');
    expect(names).not.toContain('instance-ip pod');
    expect(names).not.toContain('virtual-network hidden');
    await client.update('virtual-network', routed, { virtual_network_refs: [] });
    await watched.until((all) => !all.includes('virtual-network routed'));
  });

  test('how backends that it can reach, and ports, are checked', async () => {
    const router = await createNode(client, 'n1');
    for (const network of ['services', 'hidden']) await createNetwork(client, network);
    const here = await createPod(client, 'here', 'services', router);
    const far = await createPod(client, 'far', 'hidden');
    const times = { delay: 5, timeout: 3, max_retries: 2 };
    for (const name of ['seen', 'unseen']) {
      await client.create({
        type: 'loadbalancer-healthmonitor',
        fq_name: inProject(name),
        parent_type: 'project',
        loadbalancer_healthmonitor_properties: { monitor_type: 'TCP', ...times },
      });
      await client.create({
        type: 'service-health-check',
        fq_name: inProject(name),
        parent_type: 'project',
        service_health_check_properties: { health_check_type: 'link-local', monitor_type: 'PING', ...times },
      });
    }
    const watched = watch('n1');
    const [near, away] = await Promise.all([
      createService(client, 'near', 'services', here.port),
      createService(client, 'away', 'hidden', far.port),
    ]);
    await client.update('loadbalancer-pool', away['pool'] ?? '', {
      loadbalancer_healthmonitor_refs: [{ to: inProject('unseen') }],
    });
    await client.update('virtual-machine-interface', far.port, {
      service_health_check_refs: [{ to: inProject('unseen') }],
    });
    await client.update('loadbalancer-pool', near['pool'] ?? '', {
      loadbalancer_healthmonitor_refs: [{ to: inProject('seen') }],
    });
    await client.update('virtual-machine-interface', here.port, {
      service_health_check_refs: [{ to: inProject('seen') }],
    });
    const own = ['loadbalancer-healthmonitor seen', 'service-health-check seen'];
    const names = await watched.until((all) => own.every((name) => all.includes(name)));
    expect(names.filter((name) => name.endsWith('unseen'))).toEqual([]);
    await client.update('loadbalancer-pool', near['pool'] ?? '', { loadbalancer_healthmonitor_refs: [] });
    await watched.until((all) => !all.includes('loadbalancer-healthmonitor seen'));
  });

  test('what may talk to nodes, since it is one itself', async () => {
    await createNode(client, 'n1');
    await createNetwork(client, 'red');
    await createPod(client, 'pod', 'red');
    const watched = watch('n1');
    expect(await watched.until((all) => all.includes('virtual-network ip-fabric'))).not.toContain('instance-ip pod');
    await openToNodes(client, ['red']);
    await watched.until((all) => all.includes('instance-ip pod'));
  });

  test('networks that a logical router has a port in, since any node may be the one that translates for them', async () => {
    await createNode(client, 'n1');
    await createNetwork(client, 'red');
    await createNetwork(client, 'blue');
    await createPod(client, 'far', 'red');
    const watched = watch('n1');
    await watched.until((all) => all.length > 0 && !all.includes('virtual-network red'));
    await client.create({
      type: 'virtual-machine-interface',
      fq_name: inProject('way-out'),
      parent_type: 'project',
      virtual_network_refs: [{ to: inProject('red') }],
    });
    const router = await client.create({
      type: 'logical-router',
      fq_name: inProject('egress'),
      parent_type: 'project',
      logical_router_gateway_external: false,
      virtual_machine_interface_refs: [{ to: inProject('way-out') }],
    });
    const names = await watched.until((all) => all.includes('instance-ip far'));
    expect(names).toEqual(
      expect.arrayContaining(['logical-router egress', 'virtual-machine-interface way-out', 'virtual-network red']),
    );
    expect(names).not.toContain('virtual-network blue');
    await client.delete('logical-router', router);
    await watched.until((all) => !all.includes('virtual-network red') && !all.includes('instance-ip far'));
  });

  test('pods of floating addresses at an interface; and where one is, whoever may ask for it', async () => {
    const [here, there] = [await createNode(client, 'n1'), await createNode(client, 'n2')];
    for (const network of ['red', 'blue', 'green']) await createNetwork(client, network);
    await createPod(client, 'red', 'red', here);
    await createPod(client, 'blue', 'blue', there);
    for (const network of ['red', 'green']) await createPod(client, `other-${network}`, network);
    await createPool(client, 'public');
    await createPool(client, 'internet', 'eth1');
    const [n1, n2] = [watch('n1'), watch('n2')];
    await n1.until((all) => all.includes('instance-ip red'));
    await createFloating(client, 'usual', 'public', 'red');
    const floating = await createFloating(client, 'entry', 'internet', 'red');
    const parts = ['floating-ip entry', 'virtual-network red', 'network-ipam ipam', ...podOf('red')];
    const isSent = (all: readonly string[]) => parts.every((name) => all.includes(name));
    const names = await n2.until(isSent);
    expect(names).not.toContain('instance-ip other-red');
    const asking = (await client.fqNameToUuid('virtual-network', inProject('blue'))) ?? '';
    expect(await n1.until(isSent)).not.toContain('virtual-network blue');
    await client.update('virtual-network', asking, { fabric_snat: true });
    expect(await n1.until((all) => all.includes('instance-ip blue'))).not.toContain('virtual-network green');
    expect(n2.names()).not.toContain('instance-ip other-red');
    // It goes with its pod, and to another one.
    await client.update('floating-ip', floating, { virtual_machine_interface_refs: [{ to: inProject('blue') }] });
    await n2.until((all) => !all.includes('virtual-network red'));
    await n1.until((all) => all.includes('floating-ip entry') && all.includes('instance-ip blue'));
    await client.delete('floating-ip', floating);
    for (const each of [n1, n2]) await each.until((all) => !all.includes('floating-ip entry'));
    await n1.until((all) => !all.includes('virtual-network blue'));
  });

  test('the same set whether it came by changes or at once', async () => {
    const router = await createNode(client, 'n1');
    const live = watch('n1');
    for (const network of ['a', 'b', 'c']) await createNetwork(client, network);
    const pods = [];
    for (let index = 0; index < 12; index += 1)
      pods.push(
        await createPod(client, `p${index}`, ['a', 'b', 'c'][index % 3]!, index % 4 === 0 ? router : undefined),
      );
    await connect(client, 'ab', ['a', 'b']);
    await createService(client, 's', 'b', pods[2]!.port);
    await place(client, router, pods[4]!.machine, 'DELETE');
    await client.delete('instance-ip', pods[7]!.address);
    await linesNow('node=n1');
    const fresh = watch('n1');
    const names = await fresh.until((all) => all.length > 3);
    await live.until((all) => all.join() === names.join());
    expect(plain(live.view())).toEqual(plain(fresh.view()));
  });
});

describe('a stream', () => {
  test('is taken up from a revision with nothing but the difference, departures included', async () => {
    const router = await createNode(client, 'n1');
    await createNetwork(client, 'red');
    const pod = await createPod(client, 'pod', 'red', router);
    const first = (await linesNow('node=n1')).lines.at(-1)!;
    const extra = await createPod(client, 'extra', 'red');
    await client.delete('instance-ip', pod.address);
    const { lines: rest } = await linesNow(
      `node=n1&revision=${String(first['revision'])}&epoch=${String(first['epoch'])}`,
    );
    const puts = rest.filter(({ kind }) => kind === 'put').map(({ object }) => (object as { uuid: string }).uuid);
    expect(puts.sort()).toEqual([extra.port, extra.address].sort());
    expect(rest.filter(({ kind }) => kind === 'delete')).toEqual([
      expect.objectContaining({ uuid: pod.address, type: 'instance-ip' }),
    ]);
  });

  test('answers 410 to another epoch, to a revision not yet reached, and to one that is forgotten', async () => {
    const { epoch, revision } = (await linesNow('node=n1')).lines.at(-1) as { epoch: string; revision: number };
    expect((await lines(`node=n1&revision=${revision}&epoch=another`)).status).toBe(410);
    expect((await lines(`node=n1&revision=${revision + 100}&epoch=${epoch}`)).status).toBe(410);
    expect((await lines(`node=unheard&revision=${revision - 1}&epoch=${epoch}`)).status).toBe(410);
    expect((await lines(`node=n1&revision=${revision}&epoch=${epoch}`)).status).toBe(200);
  });

  test('carries whole objects as the API writes them, without URLs and back references', async () => {
    const router = await createNode(client, 'n1');
    const { lines: all } = await linesNow('node=n1');
    const sent = all.find(({ object }) => (object as { uuid?: string } | undefined)?.uuid === router)?.[
      'object'
    ] as Record<string, unknown>;
    const read = await client.read('virtual-router', router);
    expect(sent).toEqual(read);
  });

  test('without a node holds everything', async () => {
    await createNetwork(client, 'red');
    const status = (await ask(server.url, 'GET', '/embedded/status')).body as { revision: number };
    const { lines: all } = await linesNow('');
    expect(all.some(({ object }) => (object as { type?: string } | undefined)?.type === 'routing-instance')).toBe(true);
    expect(all.at(-1)).toMatchObject({ kind: 'synced', revision: status.revision, state: 'ready' });
  });

  test('goes on through another server when the first one dies', async () => {
    const other = await startServer(redis.url);
    const alive = [server.url, other.url];
    const both = createContrailClient({ endpoints: async () => alive });
    const watched = watch('n1', both);
    await createNode(client, 'n1');
    await watched.until((all) => all.includes('virtual-router n1'));
    await server.close();
    alive.shift();
    await createNode(both, 'n2');
    await watched.until((all) => all.includes('virtual-router n2'));
    stop.abort();
    both.close();
    await other.close();
    server = await startServer(redis.url);
  });
});

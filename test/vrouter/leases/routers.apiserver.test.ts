/** Which of several nodes translates for a router's address, by Leases of a real API server: at most one, whatever they see of each other. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { holderOf } from '../../../contrail/rendezvous.ts';
import { createKubeClient } from '../../../kubernetes/client.ts';
import { createLogger } from '../../../runtime/log.ts';
import { createLeaseBook } from '../../../vrouter/leases/book.ts';
import { leasesPath } from '../../../vrouter/leases/leases.ts';
import { createRouters, type RouterState, type Tenants } from '../../../vrouter/leases/routers.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../../kubernetes/apiserver.ts';
import { type CutRelay, startCutRelay } from '../../kubernetes/cut-relay.ts';
import { eventually } from '../../kubernetes/eventually.ts';

jest.setTimeout(120_000);

const log = createLogger('test', 'silent');
const described = hasApiServer ? describe : describe.skip;
/** Nodes, by their names. */
const ADDRESSES = { n1: '192.0.2.1', n2: '192.0.2.2', n3: '192.0.2.3' } as const;
type Name = keyof typeof ADDRESSES;
const NAMES = Object.keys(ADDRESSES) as readonly Name[];
const ROUTER = '2001:db8:220::';

interface Node {
  readonly relay: CutRelay;
  readonly tenants: () => Tenants;
  readonly set: (addresses: readonly string[]) => void;
}

let server: TestApiServer;
let nodes: Record<Name, Node>;
let closers: (() => Promise<void> | void)[];
/** Pairs of nodes that do not hear each other, since when. */
let unheard: Map<string, number>;

described('with a real API server', () => {
  beforeAll(async () => {
    server = await startApiServer();
  }, 90_000);
  afterAll(async () => await server.stop());
  beforeEach(async () => {
    unheard = new Map();
    closers = [];
    const started = await Promise.all(NAMES.map(async (name) => [name, await startNode(name)] as const));
    nodes = Object.fromEntries(started) as Record<Name, Node>;
    for (const name of NAMES) nodes[name].set([ROUTER]);
  });
  afterEach(async () => {
    for (const close of closers) await close();
    for (const { name } of await leases()) await server.client().delete(`${leasesPath('default')}/${name}`);
  });

  test('the chosen node claims the address, and all know', async () => {
    const chosen = await agreed();
    expect(ADDRESSES[chosen]).toBe(holderOf(ROUTER, Object.values(ADDRESSES)));
    const [lease] = await leases();
    expect(lease).toMatchObject({ name: 'router-address-2001-db8-220--0' });
    expect(lease?.spec).toMatchObject({ holderIdentity: chosen, leaseTransitions: 0 });
  });

  test('nothing is written as long as nobody is silent', async () => {
    await agreed();
    const [before] = await leases();
    await sleep(1500);
    expect(await leases()).toEqual([before]);
  });

  test('a node that starts anew knows what it has before it has a configuration', async () => {
    const first = await agreed();
    const again = await startNode(first);
    expect(again.tenants()).toEqual(new Map([[ROUTER, first]]));
  });

  test('a holder that is gone is followed, and is given the address when it is back', async () => {
    const first = await agreed();
    die(first);
    await eventually(() => holders().every((name) => name !== first) && holders().length === 1);
    const successor = holders()[0];
    expect((await leases())[0]?.spec).toMatchObject({ holderIdentity: successor, leaseTransitions: 1 });
    revive(first);
    await eventually(() => holders().join() === first);
    await agreed();
  });

  test('a holder that another node does not hear keeps the address: it answers by the Lease', async () => {
    const first = await agreed();
    const successor = successorOf(first);
    part([first], [successor]);
    await never(() => holders().join() !== first, 3000);
    const [lease] = await leases();
    expect(lease?.spec).toMatchObject({ leaseTransitions: 0 });
    expect(lease?.renewed).not.toBe(lease?.acquired);
  });

  test('a holder alone without the API server lets the address go before another one takes it', async () => {
    const first = await agreed();
    let both = 0;
    const watch = setInterval(() => (both += holders().length > 1 ? 1 : 0), 5);
    part([first], othersThan(first));
    nodes[first].relay.cut();
    await eventually(() => holders().join() === successorOf(first));
    clearInterval(watch);
    expect(both).toBe(0);
  });

  test('where the API server is away, most of the nodes go on by who lives', async () => {
    const first = await agreed();
    for (const name of NAMES) nodes[name].relay.cut();
    part([first], othersThan(first));
    await eventually(() => holders().join() === successorOf(first));
    // And by the Lease again, when it is back.
    for (const name of NAMES) nodes[name].relay.mend();
    unheard.clear();
    await eventually(() => holders().join() === first);
  });

  test('an address that no router has any more has no Lease either, after a while', async () => {
    await agreed();
    for (const name of NAMES) nodes[name].set([]);
    await eventually(async () => (await leases()).length === 0, 60_000);
  });
});

async function startNode(name: Name): Promise<Node> {
  const relay = await startCutRelay(server.url);
  const abort = new AbortController();
  const client = createKubeClient({
    apiServer: relay.url,
    caFile: server.caFile,
    tokenFile: server.tokenFile('admin'),
  });
  let tenants: Tenants = new Map();
  const book = createLeaseBook({
    client,
    namespace: 'default',
    node: name,
    onChange: () => routers.look(),
    signal: abort.signal,
    log,
  });
  const routers = createRouters({
    book,
    presence: () => Number.POSITIVE_INFINITY,
    silence: (address) =>
      performance.now() - (unheard.get([ADDRESSES[name], address].sort().join()) ?? performance.now()),
    onChange: (next) => {
      tenants = next;
    },
  });
  closers.push(routers.close, () => abort.abort(), relay.close);
  await book.whenRead();
  return { relay, tenants: () => tenants, set: (addresses) => routers.set(stateOf(name, addresses)) };
}

function stateOf(node: Name, addresses: readonly string[]): RouterState {
  return {
    node,
    address: ADDRESSES[node],
    peers: NAMES.filter((name) => name !== node).map((name) => ({ name, address: ADDRESSES[name] })),
    egress: addresses.map((address) => ({ address, network: 5, index: 0 })),
    announcements: addresses.map((address) => ({ address, nodes: Object.values(ADDRESSES) })),
  };
}

/** The nodes that translate by their own account. */
function holders(): readonly Name[] {
  return NAMES.filter((name) => nodes[name].tenants().get(ROUTER) === name);
}

/** Waits until all nodes say the same, and that one too. */
async function agreed(): Promise<Name> {
  return await eventually(() => {
    const said = NAMES.map((each) => nodes[each].tenants().get(ROUTER));
    return holders().find((name) => said.every((each) => each === name));
  });
}

function successorOf(first: Name): Name {
  const address = holderOf(
    ROUTER,
    othersThan(first).map((name) => ADDRESSES[name]),
  );
  return NAMES.find((name) => ADDRESSES[name] === address) ?? first;
}

function othersThan(first: Name): readonly Name[] {
  return NAMES.filter((name) => name !== first);
}

function part(some: readonly Name[], others: readonly Name[]): void {
  for (const one of some)
    for (const other of others) unheard.set([ADDRESSES[one], ADDRESSES[other]].sort().join(), performance.now());
}

/** Nobody hears it, it hears nobody, and writes nothing any more. */
function die(name: Name): void {
  part([name], othersThan(name));
  nodes[name].relay.cut();
}

function revive(name: Name): void {
  unheard.clear();
  nodes[name].relay.mend();
}

async function never(comesAbout: () => boolean, forMs: number): Promise<void> {
  for (const end = performance.now() + forMs; performance.now() < end; await sleep(10))
    expect(comesAbout()).toBe(false);
}

interface WrittenLease {
  readonly name: string;
  readonly spec: unknown;
  readonly renewed: unknown;
  readonly acquired: unknown;
}

async function leases(): Promise<readonly WrittenLease[]> {
  const { items } = await server.client().list(leasesPath('default'));
  return items.map(({ metadata, spec }) => {
    // The API server has checked it.
    const { renewTime: renewed, acquireTime: acquired } = spec as Record<string, unknown>;
    return { name: metadata.name, spec, renewed, acquired };
  });
}

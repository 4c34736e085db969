/** What Gateways and routes become, and what their users are told. */
import { describe, expect, test } from '@jest/globals';
import { type SlimGateway, type SlimReferenceGrant, isGranted } from '../../kubernetes/gateway.ts';
import type { SlimRoute } from '../../kubernetes/gateway-route.ts';
import { bySpecificity, commonHostnames } from '../../proxy/gateway/hostnames.ts';
import { isAsWanted, planServices, serviceManifest, serviceName } from '../../proxy/gateway/services.ts';
import { gatewayStatus, routeStatus } from '../../proxy/gateway/statuses.ts';
import { durationMs } from '../../proxy/gateway/steps.ts';
import { type ProxyService, proxyService } from '../../proxy/service.ts';
import { compiled, gateway, prefix, route, rule, type World } from './gateway-objects.ts';

const WEB = { web: ['10.0.0.1:8080'] };
const CERTIFICATE = { kind: 'certificate', pem: 'PEM' } as const;

interface Told {
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

/** `Accepted`, or the reason why not, of each condition that says anything but that all is well. */
function complaintsOf({ conditions }: Told): readonly string[] {
  return conditions
    .filter(({ type, status }) => (status === 'True') === (type === 'Conflicted'))
    .map(({ type, reason }) => `${type} ${reason}`);
}

function listenersOf(given: SlimGateway, world: World = {}, routes: readonly SlimRoute[] = []) {
  const [outcome] = compiled([given], routes, { services: WEB, ...world }).gateways;
  const { listeners } = gatewayStatus(outcome!, []) as unknown as {
    listeners: readonly (Told & { attachedRoutes: number; supportedKinds: readonly unknown[] })[];
  };
  return listeners;
}

/** A TCPRoute to a listener of the Gateway named web, or to all of them. */
function tcp(name: string, sectionName?: string): SlimRoute {
  const parentRefs = [{ name: 'web', namespace: 'shop', sectionName }];
  return route(name, { parentRefs, rules: [rule('web')] }, 'TCPRoute');
}

/** What a route is told by the Gateway named web. */
function toldTo(given: SlimRoute, gateways: readonly SlimGateway[] = [gateway({})], world: World = {}) {
  const [outcome] = compiled(gateways, [given], { services: WEB, ...world }).routes;
  const { parents } = routeStatus(outcome!) as unknown as { parents: readonly Told[] };
  return parents.flatMap(complaintsOf);
}

describe('hostnames', () => {
  test.each([
    ['', ['a.b'], ['a.b']],
    ['a.b', [], ['a.b']],
    ['a.b', ['a.b', 'c.b'], ['a.b']],
    ['*.b', ['x.a.b', 'b', '*.a.b', '*.c'], ['x.a.b', '*.a.b']],
    ['x.a.b', ['*.b', '*.a.b'], ['x.a.b']],
    ['*.a.b', ['*.b'], ['*.a.b']],
    ['a.b', ['b'], []],
  ])('of a listener %j and a route %j: %j', (listener, own, common) => {
    expect(commonHostnames(listener, own)).toEqual(common);
  });

  test('whole names come before wildcards, longer before shorter', () => {
    expect(['', '*.b', 'a.b', '*.a.b', 'aa.b'].sort(bySpecificity)).toEqual(['aa.b', 'a.b', '*.a.b', '*.b', '']);
  });
});

describe('grants', () => {
  const from = { group: 'g', kind: 'K', namespace: 'a' };
  const to = { group: '', kind: 'Service', namespace: 'b', name: 'web' };
  const grant = (more: Partial<SlimReferenceGrant>): SlimReferenceGrant => {
    return { namespace: 'b', name: 'g', uid: 'u', from: [from], to: [{ group: '', kind: 'Service' }], ...more };
  };

  test.each([
    ['of the kind', grant({}), true],
    ['of the name', grant({ to: [{ group: '', kind: 'Service', name: 'web' }] }), true],
    ['of another name', grant({ to: [{ group: '', kind: 'Service', name: 'other' }] }), false],
    ['of another kind', grant({ to: [{ group: '', kind: 'Secret' }] }), false],
    ['to another namespace', grant({ from: [{ ...from, namespace: 'c' }] }), false],
    ['in another namespace', grant({ namespace: 'a' }), false],
  ])('%s', (_what, given, granted) => {
    expect(isGranted(from, to, [given])).toBe(granted);
  });

  test('within a namespace none is needed', () => {
    expect(isGranted(from, { ...to, namespace: 'a' }, [])).toBe(true);
  });
});

describe('listeners', () => {
  const https = { protocol: 'HTTPS', port: 443, tls: { certificateRefs: [{ name: 'tls' }] } };
  const secrets = { 'shop/tls': CERTIFICATE, 'far/tls': CERTIFICATE };
  const far = { ...https, tls: { certificateRefs: [{ name: 'tls', namespace: 'far' }] } };
  const grant = {
    namespace: 'far',
    name: 'g',
    uid: 'u',
    from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'shop' }],
    to: [{ group: '', kind: 'Secret' }],
  };

  test.each<[string, Readonly<Record<string, unknown>>, World, readonly string[]]>([
    ['HTTP', {}, {}, []],
    ['HTTPS', https, { secrets }, []],
    ['a Secret that is not there', https, {}, ['ResolvedRefs InvalidCertificateRef', 'Programmed Invalid']],
    ['a Secret of another namespace', far, { secrets }, ['ResolvedRefs RefNotPermitted', 'Programmed Invalid']],
    ['a Secret that is granted', far, { secrets, grants: [grant] }, []],
    ['a protocol of nobody’s', { protocol: 'UDP' }, {}, ['Accepted UnsupportedProtocol', 'Programmed Invalid']],
    [
      'TLS that is to be ended here',
      { protocol: 'TLS', tls: { mode: 'Terminate' } },
      {},
      ['Accepted UnsupportedValue', 'Programmed Invalid'],
    ],
    [
      'a kind of nobody’s',
      { allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } },
      {},
      ['ResolvedRefs InvalidRouteKinds'],
    ],
    ['before a port is reserved', {}, { insideOf: () => undefined }, ['Programmed Pending']],
    ['a port that another program has', {}, { foreign: new Set([21_080]) }, ['Programmed PortUnavailable']],
  ])('%s', (_what, listener, world, complaints) => {
    expect(listenersOf(gateway(listener), world).flatMap(complaintsOf)).toEqual(complaints);
  });

  test('of listeners in conflict none is served', () => {
    const own = gateway({ name: 'a' }, { name: 'b', protocol: 'TCP' }, { name: 'c', port: 81 });
    const [a, b, c] = listenersOf(own).map(complaintsOf);
    expect([a, b]).toEqual(
      Array.from({ length: 2 }, () => [
        'Accepted ProtocolConflict',
        'Conflicted ProtocolConflict',
        'Programmed Invalid',
      ]),
    );
    expect(c).toEqual([]);
  });

  test('a protocol that is not served is in nobody’s way', () => {
    const own = gateway({ name: 'udp', port: 53, protocol: 'UDP' }, { name: 'tcp', port: 53, protocol: 'TCP' });
    const [udp, tcp] = listenersOf(own).map(complaintsOf);
    expect(udp).toEqual(['Accepted UnsupportedProtocol', 'Programmed Invalid']);
    expect(tcp).toEqual([]);
  });

  test('kinds that can be served are told, beside others', () => {
    const kinds = [{ kind: 'HTTPRoute' }, { kind: 'TCPRoute' }];
    const [listener] = listenersOf(gateway({ allowedRoutes: { kinds } }));
    expect(listener!.supportedKinds).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }]);
  });

  test('a listener that is not served serves no kind', () => {
    const [listener] = listenersOf(gateway({ protocol: 'TLS', tls: { mode: 'Terminate' } }));
    expect(listener!.supportedKinds).toEqual([]);
  });

  test('routes are counted where they are attached', () => {
    const own = gateway({ name: 'any' }, { name: 'own', hostname: 'a.example', port: 81 });
    const routes = [
      route('one', { rules: [rule('web')] }),
      route('two', { hostnames: ['b.example'], rules: [rule('web')] }),
    ];
    expect(listenersOf(own, {}, routes).map(({ attachedRoutes }) => attachedRoutes)).toEqual([2, 1]);
  });
});

const parents = (parent: object) => ({ parentRefs: [{ name: 'web', ...parent }], rules: [rule('web')] });

describe('routes', () => {
  test.each<[string, SlimRoute, readonly string[]]>([
    ['that fit', route('r', { rules: [rule('web')] }), []],
    ['of a listener that is not there', route('r', parents({ sectionName: 'no' })), ['Accepted NoMatchingParent']],
    ['of a port that is not there', route('r', parents({ port: 81 })), ['Accepted NoMatchingParent']],
    ['of another kind', route('r', { rules: [rule('web')] }, 'TCPRoute'), ['Accepted NotAllowedByListeners']],
    ['of another namespace', route('r', { rules: [] }, 'HTTPRoute', 'far'), ['Accepted NotAllowedByListeners']],
    ['to a Service that is not there', route('r', { rules: [rule('gone')] }), ['ResolvedRefs BackendNotFound']],
    [
      'to what is no Service',
      route('r', { rules: [{ backendRefs: [{ kind: 'X', name: 'x' }] }] }),
      ['ResolvedRefs InvalidKind'],
    ],
    [
      'to a Service of another namespace',
      route('r', { rules: [{ backendRefs: [{ name: 'web', namespace: 'far', port: 80 }] }] }),
      ['ResolvedRefs RefNotPermitted'],
    ],
    [
      'with an expression',
      route('r', { rules: [rule('web', { matches: [{ path: { type: 'RegularExpression', value: '/.*' } }] })] }),
      ['Accepted UnsupportedValue'],
    ],
    [
      'with a filter that nobody serves',
      route('r', { rules: [rule('web', { filters: [{ type: 'RequestMirror' }] })] }),
      ['Accepted UnsupportedValue'],
    ],
    [
      'with a line break in a header',
      route('r', { rules: [rule('web', { matches: [{ headers: [{ name: 'a', value: 'b\nc' }] }] })] }),
      ['Accepted UnsupportedValue'],
    ],
  ])('%s', (_what, given, complaints) => {
    expect(toldTo(given)).toEqual(complaints);
  });

  test('for no hostname of a listener are told so', () => {
    const own = gateway({ hostname: '*.a.example' });
    expect(toldTo(route('r', { hostnames: ['a.example'], rules: [] }), [own])).toEqual([
      'Accepted NoMatchingListenerHostname',
    ]);
  });

  test('of a listener that is refused itself are told why', () => {
    const own = gateway({ name: 'udp', protocol: 'UDP' });
    const [outcome] = compiled([own], [route('a', { rules: [rule('web')] }, 'TCPRoute')], { services: WEB }).routes;
    const { refused } = outcome!.verdicts[0]!;
    expect(refused).toMatchObject({ reason: 'NotAllowedByListeners' });
    expect(refused?.message).toContain('listener "udp": protocol "UDP" is not served: choose one of');
  });

  test('of TCP that an older one is before are told so, and are served once it has gone', () => {
    const own = gateway({ name: 'a', protocol: 'TCP', port: 5432 }, { name: 'b', protocol: 'TCP', port: 6379 });
    const [older, younger, both] = [tcp('older', 'a'), tcp('younger', 'a'), tcp('both')];
    const accepted = (...routes: readonly SlimRoute[]) =>
      compiled([own], routes, { services: WEB }).routes.map((outcome) => {
        const { parents } = routeStatus(outcome) as unknown as { parents: { conditions: { message: string }[] }[] };
        return parents[0]?.conditions[0]?.message;
      });
    expect(accepted(younger, older, both)).toEqual([
      'attached, and not served: TCPRoute "shop/older", which is older, has the port; name another listener in parentRefs',
      'attached',
      // It has the other listener's.
      'attached',
    ]);
    expect(accepted(younger)).toEqual(['attached']);
  });

  test('of namespaces that a selector chooses are admitted', () => {
    const from = { from: 'Selector', selector: { matchLabels: { team: 'a' } } };
    const own = gateway({ allowedRoutes: { namespaces: from } });
    const foreign = route('r', { rules: [] }, 'HTTPRoute', 'far');
    expect(toldTo(foreign, [own])).toEqual(['Accepted NotAllowedByListeners']);
    expect(toldTo(foreign, [own], { labels: { far: { team: 'a' } } })).toEqual([]);
  });

  test('of other Gateways are not told anything, and what other controllers say stays', () => {
    const other = route('r', { parentRefs: [{ name: 'other' }], rules: [] });
    expect(compiled([gateway({})], [other]).routes).toEqual([]);
    const theirs = { controllerName: 'example.org/other', parentRef: { name: 'other' } };
    const [outcome] = compiled(
      [gateway({})],
      [{ ...route('r', { rules: [rule('web')] }), status: { parents: [theirs] } }],
    ).routes;
    expect((routeStatus(outcome!)['parents'] as readonly unknown[]).length).toBe(2);
    expect(routeStatus({ route: outcome!.route, verdicts: [] })).toEqual({ parents: [theirs] });
  });

  test('of the same match: the older first', () => {
    const [old, young] = ['one', 'two'].map((to) => route(to, { rules: [rule(to, { matches: [prefix('/a')] })] }));
    const services = { one: ['10.0.0.1:1'], two: ['10.0.0.2:1'] };
    const [entrance] = compiled([gateway({})], [young!, old!], { services }).entrances;
    expect(entrance?.kind === 'http' && [...entrance.routing.paths.prefixes.values()]).toEqual(['shop:one:80']);
  });

  test.each([
    ['10s', 10_000],
    ['1h2m3s4ms', 3_723_004],
    ['0s', undefined],
  ])('a time of %s', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });
});

/** Why a Gateway that asks for these addresses is programmed or not, when its Service has been given those. */
function reasonOfProgrammed(asked: readonly string[], given: readonly string[]) {
  const addresses = asked.map((value) => ({ type: 'IPAddress', value }));
  const [outcome] = compiled([{ ...gateway({}), addresses }], [], { services: WEB }).gateways;
  const { conditions } = gatewayStatus(outcome!, given) as unknown as Told;
  return conditions.find(({ type }) => type === 'Programmed')?.reason;
}

describe('the condition Programmed of a Gateway', () => {
  test.each([
    ['any address will do', [], ['192.0.2.1'], 'Programmed'],
    ['there is none', [], [], 'AddressNotAssigned'],
    [
      'the one asked for was given, however it is written',
      ['2001:DB8:0::1'],
      ['192.0.2.1', '2001:db8::1'],
      'Programmed',
    ],
    ['another one was given', ['2001:db8::1'], ['192.0.2.1'], 'AddressNotUsable'],
  ])('%s', (_title, asked, given, reason) => {
    expect(reasonOfProgrammed(asked, given)).toBe(reason);
  });
});

test('a Gateway that asks for an address of another type than IPAddress is not accepted', () => {
  const asking = { ...gateway({}), addresses: [{ type: 'Hostname', value: 'a.example' }] };
  const [outcome] = compiled([asking], [], { services: WEB }).gateways;
  expect(complaintsOf(gatewayStatus(outcome!, ['192.0.2.1']) as unknown as Told)).toEqual([
    'Accepted UnsupportedAddress',
  ]);
});

const named = (name: string, ...ports: readonly number[]): SlimGateway => {
  const listeners = ports.map((port) => ({ name: `p${port}`, port }));
  return { ...gateway(...listeners), name, uid: name };
};

describe('Services of Gateways', () => {
  const RANGE = { first: 21_000, last: 21_002 };
  const own = { name: 'proxy', uid: 'p', selector: { app: 'proxy' } } as unknown as ProxyService;
  /** The Services of a plan as the API server has them. */
  const written = (gateways: readonly SlimGateway[], services: readonly ProxyService[] = []) =>
    planServices(gateways, services, { range: RANGE }).wanted.map((wanted) => {
      const { metadata, spec } = serviceManifest(wanted, own);
      return proxyService({
        spec: Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== null)),
        metadata: { ...metadata, namespace: 'opencontrail', uid: wanted.name, resourceVersion: '1' },
      });
    });
  const portsOf = (gateways: readonly SlimGateway[], services: readonly ProxyService[]) =>
    planServices(gateways, services, { range: RANGE }).wanted.map(({ ports }) =>
      ports.map(({ targetPort }) => targetPort),
    );

  test('ports that have been given stay, whoever comes and goes', () => {
    const [a, b] = [named('a', 80, 443), named('b', 80)];
    const services = written([a, b]);
    expect(portsOf([a, b], services)).toEqual([[21_000, 21_001], [21_002]]);
    expect(portsOf([b], services)).toEqual([[21_002]]);
    expect(portsOf([named('a', 443), b], services)).toEqual([[21_001], [21_002]]);
    expect(planServices([b], services, { range: RANGE }).left.map(({ name }) => name)).toEqual([serviceName(a)]);
  });

  test('of two that have been given the same port the older keeps it', () => {
    const [a, b] = [named('a', 80), named('b', 80)];
    expect(portsOf([a, b], [...written([a]), ...written([b])])).toEqual([[21_000], [21_001]]);
  });

  test('a port that is somebody else’s gives way to a later one, and others stay', () => {
    const [a, b] = [named('a', 80), named('b', 80)];
    const services = written([a, b]);
    const moved = (gateways: readonly SlimGateway[], ...foreign: readonly number[]) =>
      planServices(gateways, services, { range: RANGE, foreign: new Set(foreign) }).wanted.map(
        ({ ports }) => ports[0]?.targetPort,
      );
    expect(moved([a, b], 21_000)).toEqual([21_002, 21_001]);
    expect(moved([b], 21_001)).toEqual([21_002]);
    expect(moved([b], 21_001, 21_002)).toEqual([21_000]);
    expect(moved([b], 21_000, 21_001, 21_002)).toEqual([]);
  });

  test('where no port is left a Gateway has none', () => {
    const [a, b] = [named('a', 80, 81, 82), named('b', 80)];
    expect(planServices([a, b], [], { range: RANGE }).without).toEqual([b]);
  });

  test('what a Service asks for is the Gateway’s: address, labels and annotations, and never another Gateway’s name', () => {
    const annotations = { 'opencontrail.org/fip-pool': 'public', 'opencontrail.org/gateway': 'other/one' };
    const asking = { ...named('a', 80), annotations, addresses: [{ type: 'IPAddress', value: '192.0.2.9' }] };
    const [service] = written([asking]);
    expect(service).toMatchObject({
      isOfAllFamilies: true,
      requested: '192.0.2.9',
      selector: { app: 'proxy' },
      annotations: { 'opencontrail.org/fip-pool': 'public', 'opencontrail.org/gateway': 'shop/a' },
    });
  });

  test('what a Gateway gives no more is taken from its Service, and what others have put there stays', () => {
    const before = {
      ...named('a', 80),
      labels: { team: 'web' },
      annotations: { 'opencontrail.org/fip-pool': 'public' },
    };
    const after = { ...before, labels: {}, annotations: { 'example.org/note': 'new' } };
    const [service] = written([before]);
    const present = { ...service!, labels: { ...service!.labels, other: 'stays' } };
    const [wanted] = planServices([after], [present], { range: RANGE }).wanted;
    expect(isAsWanted(wanted!, present)).toBe(false);
    const { labels, annotations } = serviceManifest(wanted!, own, present).metadata;
    expect(labels).toMatchObject({ team: null });
    expect(labels).not.toHaveProperty('other');
    expect(annotations).toMatchObject({ 'opencontrail.org/fip-pool': null, 'example.org/note': 'new' });
    const [again] = written([after]);
    expect(isAsWanted(wanted!, again!)).toBe(true);
  });
});

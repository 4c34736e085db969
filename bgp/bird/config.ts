/** BIRD's configuration file, from a speaker. Pure. */
import { isIPv6 } from 'node:net';
import type { Family, Served, Session, Speaker } from '../model.ts';

/** How BIRD calls the routes of a kind. */
const TABLES: Readonly<Record<keyof Served, string>> = {
  FloatingIPs: 'floating',
  LogicalRouters: 'routers',
  Pods: 'pods',
  Services: 'services',
};
const FAMILIES: readonly Family[] = ['4', '6'];

/** The metric of learnt routes in the node's main table, ours alone. */
export const ROUTE_METRIC = 4079;

/** Never a way outside: loopback, link-local, multicast and what is reserved. */
const NOWHERE: Readonly<Record<Family, readonly string[]>> = {
  '4': ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  '6': ['::/8', 'fe80::/10', 'ff00::/8'],
};

/**
 * The whole file. Addresses are static routes of a protocol for each kind, so that what a session announces is a question of
 * the route's protocol; only what came by BGP goes to the kernel, and nothing of the kernel's is taken in.
 */
export function configText({ routerId, served, guarded, sessions }: Speaker): string {
  return [
    'log stderr { info, remote, warning, error, auth, fatal, bug };',
    `router id ${routerId};`,
    'protocol device { scan time 10; }',
    'protocol bfd detection { }',
    ...FAMILIES.flatMap((family) => [
      `protocol kernel kernel${family} {`,
      `  ipv${family} { import none; export where source = RTS_BGP; };`,
      '  merge paths on;',
      // By which an uninstallation finds them: with a graceful restart they outlive BIRD.
      `  metric ${ROUTE_METRIC};`,
      '}',
      ...kindsOf(served).flatMap((kind) => staticRoutes(kind, served[kind], family)),
    ]),
    ...sessions.flatMap((session) => bgp(session, guarded)),
    '',
  ].join('\n');
}

function kindsOf(served: Served): readonly (keyof Served)[] {
  // The keys of an object of this type are these and no others.
  return Object.keys(served).sort() as (keyof Served)[];
}

function staticRoutes(kind: keyof Served, addresses: readonly string[], family: Family): readonly string[] {
  const length = family === '4' ? 32 : 128;
  return [
    `protocol static ${TABLES[kind]}${family} {`,
    `  ipv${family};`,
    // They never come to the kernel: the vRouter serves the addresses.
    ...addresses.filter(isOf(family)).map((address) => `  route ${address}/${length} blackhole;`),
    '}',
  ];
}

function bgp(session: Session, guarded: readonly string[]): readonly string[] {
  const { name, family, localAsn, address, asn, port, password, multihop, bfd, holdSeconds } = session;
  const restart = session.gracefulRestartSeconds;
  return [
    `protocol bgp ${name} {`,
    `  local as ${localAsn};`,
    `  neighbor ${address} port ${port} as ${asn};`,
    // A router of another system is on this segment; one of the same may be anywhere in it.
    ...(multihop === undefined ? [] : [`  multihop ${multihop};`]),
    ...(password === undefined ? [] : [`  password "${password}";`]),
    ...(bfd === undefined ? [] : [`  bfd { interval ${bfd.intervalMilliseconds} ms; multiplier ${bfd.multiplier}; };`]),
    `  hold time ${holdSeconds};`,
    ...(restart === undefined
      ? ['  graceful restart off;']
      : ['  graceful restart on;', `  graceful restart time ${restart};`]),
    // The defaults are minutes, which a node that comes back has not.
    '  connect delay time 1;',
    '  connect retry time 5;',
    '  error wait time 1, 15;',
    `  ipv${family} {`,
    '    next hop self;',
    ...importLines(session, guarded).map((line) => `    ${line}`),
    ...exportLines(session).map((line) => `    ${line}`),
    '  };',
    '}',
  ];
}

function importLines({ learn, family }: Session, guarded: readonly string[]): readonly string[] {
  if (learn === undefined) return ['import none;'];
  const own = [...NOWHERE[family], ...guarded.filter(isOf(family))];
  const prefixes = learn.prefixes?.filter(isOf(family));
  return [
    // What a neighbor has said is kept, so that another filter or limit needs no refresh, which not all answer alike.
    'import table on;',
    `import limit ${learn.limit} action block;`,
    'import filter {',
    `  if net ~ ${within(own)} then reject;`,
    ...(prefixes === undefined ? ['  if net.len = 0 then reject;'] : []),
    ...(prefixes?.length === 0 ? ['  reject;'] : []),
    ...(prefixes === undefined || prefixes.length === 0 ? [] : [`  if !(net ~ ${within(prefixes)}) then reject;`]),
    '  accept;',
    '};',
  ];
}

function exportLines({ announce, family, communities }: Session): readonly string[] {
  const asked = announce.map((kind) => `proto = "${TABLES[kind]}${family}"`);
  if (asked.length === 0) return ['export none;'];
  return [
    'export filter {',
    `  if !(${asked.join(' || ')}) then reject;`,
    ...communities.map((community) => {
      const parts = community.split(':').map(Number);
      const list = parts.length === 3 ? 'bgp_large_community' : 'bgp_community';
      return `  ${list}.add((${parts.join(', ')}));`;
    }),
    '  accept;',
    '};',
  ];
}

/** A set of prefixes with all that lies in them. */
const within = (cidrs: readonly string[]): string => `[ ${cidrs.map((cidr) => `${cidr}+`).join(', ')} ]`;

const isOf =
  (family: Family) =>
  (text: string): boolean =>
    isIPv6(text.split('/')[0] ?? '') === (family === '6');

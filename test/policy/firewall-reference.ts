/**
 * Contrail's firewall policies as its documentation and its agent have them, small, and sharing nothing with the product: sets in
 * order, policies by sequence, the first rule that means the session; none: denied. Judged for one interface, whichever end it is.
 */
export interface Side {
  ip: string;
  /** The tags of an interface; an address that is none's has none. */
  tags: string[];
}
export interface Rule {
  from: string;
  to: string;
  action: 'pass' | 'deny';
  direction: '<>' | '>' | '<';
  protocol: string;
  ports: readonly [number, number];
  alike: string[];
}
export interface FirewallWorld {
  pods: Side[];
  /** Policies by name. */
  policies: Record<string, Rule[]>;
  sets: Record<string, string[]>;
  addressGroups: Record<string, string[]>;
}
export interface Session {
  from: Side;
  to: Side;
  protocol: string;
  port: number;
}

/** Whether the sets of one interface (`own`, one of the ends) let a session pass. */
export function firewallPasses(world: FirewallWorld, own: Side, session: Session): boolean {
  const names = Object.keys(world.sets).filter((name) => name === 'all' || own.tags.includes(`application=${name}`));
  const inOrder = [...names.filter((name) => name === 'all'), ...names.filter((name) => name !== 'all').sort()];
  const policies = inOrder.flatMap((name) => world.sets[name] ?? []);
  if (policies.length === 0) return true;
  for (const rule of policies.flatMap((name) => world.policies[name] ?? []))
    if (matches(world, rule, session)) return rule.action === 'pass';
  return false;
}

function matches(world: FirewallWorld, rule: Rule, session: Session): boolean {
  const { from, to } = session;
  if (!isService(rule, session) || !isAlike(rule, session)) return false;
  const forth = isEnd(world, rule.from, from) && isEnd(world, rule.to, to);
  const back = isEnd(world, rule.from, to) && isEnd(world, rule.to, from);
  return (rule.direction !== '<' && forth) || (rule.direction !== '>' && back);
}

function isService(rule: Rule, { protocol, port }: Session): boolean {
  return (rule.protocol === 'any' || rule.protocol === protocol) && port >= rule.ports[0] && port <= rule.ports[1];
}

function isAlike(rule: Rule, { from, to }: Session): boolean {
  return rule.alike.every((type) => {
    const [a, b] = [from, to].map(({ tags }) => tags.find((tag) => tag.startsWith(`${type}=`)));
    return a !== undefined && a === b;
  });
}

function isEnd(world: FirewallWorld, end: string, { ip, tags }: Side): boolean {
  if (end === 'any') return true;
  if (end.startsWith('group ')) return (world.addressGroups[end.slice(6)] ?? []).some((cidr) => inCidr(ip, cidr));
  if (end.includes('=')) return end.split(' ').every((tag) => tags.includes(tag));
  return inCidr(ip, end);
}

function inCidr(ip: string, cidr: string): boolean {
  const [prefix = '', length] = cidr.split('/');
  return bits(ip).slice(0, Number(length)) === bits(prefix).slice(0, Number(length));
}

function bits(ip: string): string {
  return ip
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
}

/** What a port's policy says to a flow, by the compiled state that the kernel is given: enforcement and explanation agree. Pure. */
import type { ForwardingState } from '../model.ts';
import type { InstanceId } from '../model/networks.ts';
import type { Allowance, Direction, OrderedRule, PortPolicy, Tiers } from '../model/policy.ts';
import { isInside } from './somebody.ts';

/** A flow as one end sees it: the other end's address, and what is asked for. */
export interface JudgedFlow {
  readonly peer: string;
  /** The network that the other end is in; any, where it is absent. */
  readonly network?: InstanceId;
  readonly protocol: number;
  readonly port: number;
}

/** What has the last word: security groups, or one of the tiers around them. */
export type Tier = 'groups' | keyof Tiers;

/** `unrestricted` where no policy speaks of the direction; else the rules that decide, of which there may be none, which denies. */
export type PolicyVerdict =
  | { readonly kind: 'unrestricted' }
  | {
      readonly kind: 'judged';
      readonly isAllowed: boolean;
      readonly tier: Tier;
      readonly by: readonly (Allowance | OrderedRule)[];
    };

/** The verdict of a port's policy in one direction. */
export function policyVerdict(
  policy: PortPolicy | undefined,
  direction: Direction,
  { flow, state }: { readonly flow: JudgedFlow; readonly state: Pick<ForwardingState, 'members'> },
): PolicyVerdict {
  const groups = groupsOf(flow, state);
  const speaks = (rule: Rule): boolean => isAbout(rule, flow, groups);
  const tiers = policy?.tiers?.[direction] ?? {};
  const ofCluster = clusterVerdict(policy?.[direction], tiers, speaks);
  if (ofCluster?.isAllowed === false || tiers.applications === undefined) return ofCluster ?? { kind: 'unrestricted' };
  return ruleVerdict('applications', tiers.applications.find(speaks)) ?? UNMENTIONED;
}

/** What the admin tier says, else security groups, or the baseline where these do not restrict. */
function clusterVerdict(
  allowances: readonly Allowance[] | undefined,
  { admin, baseline }: Tiers,
  speaks: (rule: Rule) => boolean,
): Judged | undefined {
  const first = ruleVerdict('admin', admin?.find(speaks));
  if (first !== undefined) return first;
  if (allowances !== undefined) return groupVerdict(allowances.filter(speaks));
  return ruleVerdict('baseline', baseline?.find(speaks));
}

/** Whether a box holds what is asked for, from whatever port. */
export function isWithin(
  { protocols, destinationPorts }: Allowance['traffic'],
  { protocol, port }: Pick<JudgedFlow, 'protocol' | 'port'>,
): boolean {
  return within(protocol, protocols) && within(port, destinationPorts);
}

type Judged = Extract<PolicyVerdict, { kind: 'judged' }>;

const UNMENTIONED: Judged = { kind: 'judged', isAllowed: false, tier: 'applications', by: [] };

function groupVerdict(by: readonly Allowance[]): Judged {
  return { kind: 'judged', isAllowed: by.length > 0, tier: 'groups', by };
}

/** What a tier's rule says; `undefined` where it leaves the flow to others. */
function ruleVerdict(tier: Tier, rule: OrderedRule | undefined): Judged | undefined {
  if (rule === undefined || rule.action === 'skip') return undefined;
  return { kind: 'judged', isAllowed: rule.action === 'pass', tier, by: [rule] };
}

type Rule = Pick<Allowance, 'peer' | 'traffic'>;

function groupsOf(flow: JudgedFlow, { members }: Pick<ForwardingState, 'members'>): ReadonlySet<string> {
  const own = members.filter(({ address, network }) => address === flow.peer && network === (flow.network ?? network));
  return new Set(own.flatMap((member) => member.groups));
}

function isAbout({ peer, traffic }: Rule, flow: JudgedFlow, groups: ReadonlySet<string>): boolean {
  const isMeant =
    peer.kind === 'group'
      ? groups.has(peer.group) && peer.family === (flow.peer.includes(':') ? '6' : '4')
      : isInside(flow.peer, peer.cidr);
  return isMeant && isWithin(traffic, flow);
}

function within(value: number, [first, last]: readonly [number, number]): boolean {
  return value >= first && value <= last;
}

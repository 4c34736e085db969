/** What a BGPRouter's status says: each node writes its own entry, and one of them what follows from all. Pure. */
import type { BgpSession, SlimBgpRouter } from '../kubernetes/bgp-router.ts';
import type { SessionState } from './bird/sessions.ts';
import type { Problem, Session } from './model.ts';

/** What a node says of the neighbors of a router, in the router's order. */
export function sessionsOf(
  router: SlimBgpRouter,
  {
    sessions,
    problems,
    states,
  }: {
    readonly sessions: readonly Session[];
    readonly problems: readonly Problem[];
    readonly states: ReadonlyMap<string, SessionState>;
  },
): readonly BgpSession[] {
  return router.neighbors.map(({ address }) => {
    const problem = problems.find((each) => each.router === router.name && each.address === address);
    if (problem !== undefined) return { address, state: 'Idle', reason: problem.reason, message: problem.message };
    const session = sessions.find((each) => each.router === router.name && each.address === address);
    const found = session === undefined ? undefined : states.get(session.name);
    if (found?.state !== 'Established') return { address, state: found?.state ?? 'Idle', ...whyNot(found, session) };
    const limit = session?.learn?.limit;
    const limited = {
      reason: 'PrefixLimit',
      message: `the neighbor has more than the ${limit} routes that learn.limit allows`,
    };
    return {
      address,
      state: found.state,
      sent: found.sent,
      received: found.received,
      ...(found.isLimited ? limited : {}),
    };
  });
}

function whyNot(state: SessionState | undefined, session: Session | undefined): Pick<BgpSession, 'reason' | 'message'> {
  const message = state?.lastError ?? (session === undefined ? undefined : whyWaiting(state?.state, session));
  return { reason: 'NotEstablished', ...(message === undefined ? {} : { message }) };
}

/** BIRD says nothing of a session that has not failed, but waits: for its neighbor to be on a segment, or for an answer. */
function whyWaiting(
  state: string | undefined,
  { address, asn, localAsn, multihop, port }: Session,
): string | undefined {
  if (state === 'Connect') return `${address} does not answer at TCP port ${port}`;
  // A session within one system needs no segment that both are on.
  if (state !== 'Idle' || multihop !== undefined || asn === localAsn) return undefined;
  return `${address} is no neighbor on a segment of this node: mend the address, or set multihop of the neighbor where it is farther away`;
}

/** How many of all sessions are established, as users read it. */
export function sessionCount(nodes: SlimBgpRouter['status']['nodes']): string {
  const states = nodes.flatMap(({ neighbors }) => neighbors.map(({ state }) => state));
  return `${states.filter((state) => state === 'Established').length}/${states.length}`;
}

export type Condition = SlimBgpRouter['status']['conditions'][number];

/** The condition Ready of a router, from what its nodes say; the time of the last change is kept where nothing changed. */
export function readyCondition(router: SlimBgpRouter, nodes: SlimBgpRouter['status']['nodes'], now: string): Condition {
  const missing = nodes.flatMap(({ name, neighbors }) =>
    neighbors
      .filter(({ state, reason }) => state !== 'Established' || reason !== undefined)
      .map(({ address, state, reason, message }) => ({ reason, text: `${name} → ${address}: ${message ?? state}` })),
  );
  const [first] = missing;
  const more = missing.length > 5 ? `; and ${missing.length - 5} more` : '';
  const said =
    first === undefined
      ? { status: 'True', reason: 'Established', message: `all sessions of ${nodes.length} node(s) are established` }
      : {
          status: 'False',
          reason: first.reason ?? 'NotEstablished',
          message: `${missing
            .slice(0, 5)
            .map(({ text }) => text)
            .join('; ')}${more}`,
        };
  const before = router.status.conditions.find(({ type }) => type === 'Ready');
  const since = before?.status === said.status ? (before.lastTransitionTime ?? now) : now;
  return { type: 'Ready', ...said, observedGeneration: router.generation, lastTransitionTime: since };
}

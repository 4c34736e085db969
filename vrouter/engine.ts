/** Joins configuration and bound ports, and keeps the kernel at what they say. */
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { type Compiled, type CompiledDeps, type ConfigAt, type ConfigObjects, createCompiled } from './compiled.ts';
import { documentText } from './linux/transaction.ts';
import type { Bindings, ForwardingState } from './model.ts';
import { createNode, type Node, type NodeDeps } from './node.ts';
import { createProgrammed } from './programmed.ts';
import type { Programmed } from './programmed.ts';
import type { Position } from './realised.ts';
import { createRounds } from './rounds.ts';
import type { RoundResult } from './rounds.ts';

export interface Engine {
  /** Replaces the configuration. Nothing is applied before the first one. */
  readonly setConfig: (config: ConfigAt) => void;
  /** Notes a revision that changes nothing here. */
  readonly passRevision: (position: Position) => void;
  /** The revision that stands in the kernel; `undefined` before the first round that ended well. */
  readonly realised: () => Position | undefined;
  /** Names of nodes that are dead: their back ends are left out where there are others. */
  readonly setDead: (nodes: readonly string[]) => void;
  /** UUIDs of members of pools, and of interfaces, on any node, that are not well: they are left out. */
  readonly setUnhealthy: (subjects: readonly string[]) => void;
  /** The names of the nodes that translate for routers' addresses, by address. */
  readonly setTenants: (tenants: ReadonlyMap<string, string>) => void;
  readonly bind: (vmi: string, hostInterface: string) => void;
  readonly unbind: (vmi: string) => void;
  /** Whether a port stands in the kernel, at once or within `waitMs`. */
  readonly whenProgrammed: Programmed['when'];
  /** Compares the kernel with what was applied, and mends what somebody else changed. */
  readonly verify: () => Promise<void>;
  /**
   * Looks whether the underlay has other neighbours than those that were applied, where it routes networks, and whether interfaces of
   * networks outside have come or gone.
   */
  readonly lookAround: () => Promise<void>;
  readonly state: () => ForwardingState | undefined;
  /** What the state is compiled from. */
  readonly config: () => ConfigObjects | undefined;
  /** What was applied, as nft and ip would read it. */
  readonly kernelText: () => string;
  /** Why nothing can be forwarded yet, or `undefined`. */
  readonly unready: () => string | undefined;
  /** Ends after the current round; the kernel keeps what it has. */
  readonly close: () => Promise<void>;
}

export interface EngineDeps extends NodeDeps, CompiledDeps {
  /** Called with what a round has applied, and the ports that stand. */
  readonly onApplied?: (state: ForwardingState, standing: Bindings) => void;
  /** Called after each round: its duration in seconds, and how it ended. */
  readonly onRound?: (seconds: number, result: RoundResult) => void;
}

/** An engine that waits for its first configuration. */
export function createEngine(deps: EngineDeps): Engine {
  const programmed = createProgrammed();
  const node = createNode(deps);
  const bound = createBound(programmed, node);
  let unready: string | undefined = 'no configuration yet';
  const compiled = createCompiled(deps);

  const round = async (): Promise<RoundResult> => {
    const startedAt = performance.now();
    const state = compiled.current();
    if (state === undefined) return 'applied';
    const stands = compiled.realised.begin();
    const outcome = await attempt(node, deps.log, { state, bindings: new Map(bound.bindings) });
    unready = outcome.unready;
    // A port bound again meanwhile waits for the next round.
    if (outcome.standing !== undefined) {
      programmed.replace(stillBound(outcome.standing, bound.bindings));
      deps.onApplied?.(state, outcome.standing);
    }
    if (outcome.result === 'applied') stands();
    deps.onRound?.((performance.now() - startedAt) / 1000, outcome.result);
    return outcome.result;
  };
  const rounds = createRounds(round);

  return {
    ...intake(compiled, rounds.request),
    bind: (vmi, hostInterface) => {
      bound.bind(vmi, hostInterface);
      rounds.request();
    },
    unbind: (vmi) => whereSo(bound.unbind(vmi), rounds.request),
    whenProgrammed: programmed.when,
    async verify() {
      await rounds.idle();
      if (compiled.current() !== undefined) whereSo(await node.differs(), rounds.request);
    },
    lookAround: async () => whereSo(await node.hasMoved(compiled.current()), rounds.request),
    state: () => compiled.current(),
    config: compiled.config,
    kernelText: () => documentText(deps.kernel.applied()),
    unready: () => unready,
    async close() {
      await rounds.close();
      await deps.kernel.close();
    },
  };
}

/** The ports that are bound, and what is known of them and of their interfaces, which ends when they are bound or unbound. */
function createBound(programmed: Programmed, node: Node) {
  const bindings = new Map<string, string>();
  return {
    bindings,
    bind(vmi: string, hostInterface: string): void {
      bindings.set(vmi, hostInterface);
      programmed.remove(vmi);
      node.interfaceIsNew(hostInterface);
    },
    /** Whether it was bound. */
    unbind(vmi: string): boolean {
      const hostInterface = bindings.get(vmi);
      if (hostInterface === undefined) return false;
      bindings.delete(vmi);
      programmed.remove(vmi);
      node.interfaceIsGone(hostInterface);
      return true;
    },
  };
}

function whereSo(isSo: boolean, action: () => void): void {
  if (isSo) action();
}

/** What the state is made of is taken in, and then `next` is done. */
function intake(compiled: Compiled, next: () => void) {
  const anew =
    <T>(take: (value: T) => void) =>
    (value: T): void => {
      take(value);
      next();
    };
  return {
    setConfig: anew(compiled.replace),
    passRevision: compiled.realised.passed,
    realised: compiled.realised.position,
    setDead: anew(compiled.mourn),
    setUnhealthy: anew(compiled.leaveOut),
    setTenants: anew(compiled.rent),
  };
}

function stillBound(standing: Bindings, bindings: Bindings): readonly string[] {
  return [...standing].filter(([vmi, host]) => bindings.get(vmi) === host).map(([vmi]) => vmi);
}

interface Outcome {
  readonly result: RoundResult;
  readonly unready: string | undefined;
  readonly standing?: Bindings;
}

async function attempt(
  node: Node,
  log: Logger,
  { state, bindings }: { readonly state: ForwardingState; readonly bindings: Bindings },
): Promise<Outcome> {
  try {
    const { standing, complete } = await node.apply(state, bindings);
    return { result: complete ? 'applied' : 'incomplete', unready: undefined, standing };
  } catch (error) {
    log.error({ error }, 'cannot apply');
    return { result: 'failed', unready: `cannot apply: ${messageOf(error)}` };
  }
}

/** Joins configuration and bound ports, and keeps the kernel at what they say. */
import type { ContrailObject } from '../contrail/objects.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { createForgetter } from './apply/conntrack.ts';
import { prepareHost, prepareInterfaces } from './apply/host.ts';
import type { Failures } from './apply/ip.ts';
import type { Kernel } from './apply/kernel.ts';
import type { Run } from './apply/run.ts';
import type { Sessions } from './apply/sessions.ts';
import type { SettingsBefore } from './apply/settings-journal.ts';
import { createSurroundings } from './apply/surroundings.ts';
import { compile } from './compile/compile.ts';
import { createMemory } from './compile/memory.ts';
import type { Balanced } from './compile/services.ts';
import type { KernelDocument } from './linux/document.ts';
import { staleFlows } from './linux/flows.ts';
import { render } from './linux/render.ts';
import { documentText } from './linux/transaction.ts';
import type { Bindings, ForwardingState, Interfaces } from './model.ts';
import { createProgrammed } from './programmed.ts';
import type { Programmed } from './programmed.ts';
import { createRealised, type Position } from './realised.ts';
import { createRounds } from './rounds.ts';
import type { RoundResult } from './rounds.ts';

/** May be a live map: it is read when a round begins, or when somebody asks for the state. */
interface ConfigObjects {
  readonly objects: ReadonlyMap<string, ContrailObject>;
  /** The UUIDs of those that may have changed since the last time; without it all may have. */
  readonly changed?: ReadonlySet<string>;
}

/** A configuration, and where in its history it stands. */
type ConfigAt = ConfigObjects & Position;

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

export interface EngineDeps {
  readonly node: string;
  readonly device: string;
  readonly vxlanPort: number;
  /** This node's address as long as the configuration does not say. */
  readonly nodeAddress?: string;
  readonly run: Run;
  readonly sessions: Sessions;
  readonly kernel: Kernel;
  readonly log: Logger;
  /** Keeps what the node's settings were before they were changed. */
  readonly rememberSettings?: (before: SettingsBefore) => Promise<void>;
  /** Called with what a round has applied, and the ports that stand. */
  readonly onApplied?: (state: ForwardingState, standing: Bindings) => void;
  /** Called with what a round has applied, and the interfaces of networks outside that it found. */
  readonly onInterfaces?: (state: ForwardingState, interfaces: Interfaces | undefined) => void;
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
function createBound(programmed: Programmed, node: ReturnType<typeof createNode>) {
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
function intake(compiled: ReturnType<typeof createCompiled>, next: () => void) {
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
  };
}

/** The configuration, compiled when it is asked for: changes that come while the kernel is busy cost one compilation. */
function createCompiled({ node, nodeAddress }: EngineDeps) {
  let config: ConfigObjects | undefined;
  /** What may have changed since the last compilation. */
  let changed: ReadonlySet<string> | undefined = new Set();
  let state: ForwardingState | undefined;
  let dead: ReadonlySet<string> = new Set();
  let unhealthy: ReadonlySet<string> = new Set();
  const memory = createMemory<Balanced>();
  const realised = createRealised();
  return {
    realised,
    mourn: (nodes: readonly string[]): void => {
      dead = new Set(nodes);
      state = undefined;
    },
    leaveOut: (subjects: readonly string[]): void => {
      unhealthy = new Set(subjects);
      state = undefined;
    },
    replace: (next: ConfigAt): void => {
      realised.changed(next);
      changed = changed && next.changed && new Set([...changed, ...next.changed]);
      config = next;
      state = undefined;
    },
    config: () => config,
    current(): ForwardingState | undefined {
      if (state !== undefined || config === undefined) return state;
      const { objects } = config;
      const compiled = compile({ objects, ...(changed && { changed }) }, node, { dead, unhealthy, memory });
      changed = new Set();
      state = { ...(nodeAddress === undefined ? {} : { address: nodeAddress }), ...compiled };
      return state;
    },
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
  node: ReturnType<typeof createNode>,
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

interface NodeApplied {
  /** Ports that stand, with the interface they were applied for. */
  readonly standing: Bindings;
  readonly complete: boolean;
}

/** The effects of a round: the node's own preparation, the kernel, and flows that must be forgotten. */
function createNode(deps: EngineDeps) {
  const fresh = new Set<string>();
  const forgetter = createForgetter(deps.run, deps.log);
  let prepared: string | undefined;
  // It may have been made anew, and the kernel dropped what hung on its predecessor.
  const forget = (name: string): void => {
    deps.kernel.forget(name);
    deps.sessions.forgetDevice(name);
  };
  const surroundings = createSurroundings({ ...deps, onAnew: forget });
  return {
    interfaceIsNew(name: string): void {
      fresh.add(name);
      forget(name);
    },
    interfaceIsGone: (name: string): void => deps.sessions.forgetDevice(name),
    /** Whether there is something to mend; what is known of the node itself counts no longer then. */
    async differs(): Promise<boolean> {
      if (!(await deps.kernel.verify())) return false;
      deps.log.warn('the kernel differs from what was applied; mending');
      prepared = undefined;
      deps.sessions.forgetDevice();
      return true;
    },
    /** Whether other neighbours, or interfaces, are there than in the last round. */
    hasMoved: surroundings.haveMoved,
    async apply(state: ForwardingState, bindings: Bindings): Promise<NodeApplied> {
      if (state.address === undefined) throw new Error(`virtual-router ${state.node} has no address yet`);
      if (prepared !== state.address) {
        await deps.rememberSettings?.(await prepareHost(deps, { ...deps, address: state.address }));
        // The rules ask for the groups of interfaces: those of running pods come first.
        await prepareInterfaces(deps.sessions, taken(fresh));
        prepared = state.address;
      }
      const around = await surroundings.read(state);
      const desired = render(state, bindings, { ...deps, ...around });
      const [{ failures, previous }] = await Promise.all([
        deps.kernel.apply(desired),
        prepareInterfaces(deps.sessions, taken(fresh)),
      ]);
      deps.onInterfaces?.(state, around.interfaces);
      forgetter.forget(staleFlows(previous.sets, desired.sets));
      if (failures.size > 0)
        deps.log.warn({ refused: failures.size, first: [...failures].slice(0, 3) }, 'entries refused');
      const refused = refusedInterfaces(desired, failures);
      const standing = state.ports.flatMap(({ vmi, addresses }) => {
        const host = bindings.get(vmi);
        return host === undefined || refused.has(host) || addresses.length === 0 ? [] : [[vmi, host] as const];
      });
      return { standing: new Map(standing), complete: failures.size === 0 };
    },
  };
}

/** What a set holds; it is empty afterwards. */
function taken(set: Set<string>): readonly string[] {
  const all = [...set];
  set.clear();
  return all;
}

/** The interfaces that an entry failed on. */
function refusedInterfaces(desired: KernelDocument, failures: Failures): ReadonlySet<string> {
  const devices = [...failures.keys()].map(
    (key) => (desired.entries.v4.get(key) ?? desired.entries.v6.get(key))?.device,
  );
  return new Set(devices.filter((device) => device !== undefined));
}

/** What a round does to its node: the host's own preparation, the kernel, and flows that must be forgotten. */
import type { Logger } from '../runtime/log.ts';
import { createForgetter } from './apply/conntrack.ts';
import { prepareHost, prepareInterfaces } from './apply/host.ts';
import type { Failures } from './apply/ip.ts';
import type { Kernel } from './apply/kernel.ts';
import type { Run } from './apply/run.ts';
import type { Sessions } from './apply/sessions.ts';
import type { SettingsBefore } from './apply/settings-journal.ts';
import { createRefusals } from './apply/refusals.ts';
import { createSurroundings } from './apply/surroundings.ts';
import type { KernelDocument } from './linux/document.ts';
import { staleFlows } from './linux/flows.ts';
import { render } from './linux/render.ts';
import type { Bindings, ForwardingState, Interfaces } from './model.ts';

export interface NodeDeps {
  readonly device: string;
  readonly vxlanPort: number;
  readonly run: Run;
  readonly sessions: Sessions;
  readonly kernel: Kernel;
  readonly log: Logger;
  /** Keeps what the node's settings were before they were changed. */
  readonly rememberSettings?: (before: SettingsBefore) => Promise<void>;
  /** Called with what a round has applied, and the interfaces of networks outside that it found. */
  readonly onInterfaces?: (state: ForwardingState, interfaces: Interfaces | undefined) => void;
}

export type Node = ReturnType<typeof createNode>;

interface NodeApplied {
  /** Ports that stand, with the interface they were applied for. */
  readonly standing: Bindings;
  readonly complete: boolean;
}

/** A node of which nothing is prepared yet. */
export function createNode(deps: NodeDeps) {
  const fresh = new Set<string>();
  const forgetter = createForgetter(deps.run, deps.log);
  let prepared: string | undefined;
  // It may have been made anew, and the kernel dropped what hung on its predecessor.
  const forget = (name: string): void => {
    deps.kernel.forget(name);
    deps.sessions.forgetDevice(name);
  };
  const tellRefused = createRefusals(deps.log);
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
      tellRefused(failures);
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

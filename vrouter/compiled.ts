/** What a node's state is compiled from, and when: changes that come while the kernel is busy cost one compilation. */
import type { ContrailObject } from '../contrail/objects.ts';
import { compile } from './compile/compile.ts';
import { createMemory } from './compile/memory.ts';
import type { Balanced } from './compile/services.ts';
import type { ForwardingState } from './model.ts';
import { createRealised, type Position } from './realised.ts';

/** May be a live map: it is read when a round begins, or when somebody asks for the state. */
export interface ConfigObjects {
  readonly objects: ReadonlyMap<string, ContrailObject>;
  /** The UUIDs of those that may have changed since the last time; without it all may have. */
  readonly changed?: ReadonlySet<string>;
}

/** A configuration, and where in its history it stands. */
export type ConfigAt = ConfigObjects & Position;

export interface CompiledDeps {
  readonly node: string;
  /** This node's address as long as the configuration does not say. */
  readonly nodeAddress?: string;
  /** Whether others say which node translates for a router's address; without it nodes choose by who lives. */
  readonly hasTenants?: boolean;
}

export type Compiled = ReturnType<typeof createCompiled>;

/** The configuration, compiled when it is asked for. */
export function createCompiled({ node, nodeAddress, hasTenants = false }: CompiledDeps) {
  let config: ConfigObjects | undefined;
  /** What may have changed since the last compilation. */
  let changed: ReadonlySet<string> | undefined = new Set();
  let state: ForwardingState | undefined;
  let dead: ReadonlySet<string> = new Set();
  let unhealthy: ReadonlySet<string> = new Set();
  let tenants: ReadonlyMap<string, string> | undefined = hasTenants ? new Map() : undefined;
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
    rent: (next: ReadonlyMap<string, string>): void => {
      tenants = next;
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
      const compiled = compile({ objects, ...(changed && { changed }) }, node, { dead, unhealthy, tenants, memory });
      changed = new Set();
      state = { ...(nodeAddress === undefined ? {} : { address: nodeAddress }), ...compiled };
      return state;
    },
  };
}

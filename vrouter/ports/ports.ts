/** The bound ports of this node: kept in memory and on disk, told to the engine. */
import { readInterfaces } from '../apply/host.ts';
import { runHere } from '../apply/run.ts';
import type { Run } from '../apply/run.ts';
import type { Engine } from '../engine.ts';
import type { Binding } from './binding.ts';
import type { PortStore } from './store.ts';

export interface Ports {
  /** Binds a port and journals it; the same port may be bound again, to another interface or sandbox. */
  readonly bind: (binding: Binding) => Promise<void>;
  /** Unbinds all ports of a virtual machine; with a sandbox id only those that it bound, so that a late DEL takes nothing from its successor. */
  readonly unbind: (vm: string, sandbox?: string) => Promise<void>;
  readonly of: (vm: string) => readonly Binding[];
  readonly get: (vmi: string) => Binding | undefined;
  /** All that are bound. */
  readonly list: () => readonly Binding[];
}

/** Replays the journalled ports whose host interface still exists, and answers for further ones. */
export async function openPorts(deps: {
  readonly store: PortStore;
  readonly engine: Engine;
  readonly run?: Run;
}): Promise<Ports> {
  const { store, engine, run = runHere } = deps;
  const bound = new Map<string, Binding>();
  const [journalled, present] = await Promise.all([store.readAll(), readInterfaces(run)]);
  for (const binding of journalled) {
    if (!present.has(binding['host-ifname'])) continue;
    bound.set(binding['vmi-uuid'], binding);
    engine.bind(binding['vmi-uuid'], binding['host-ifname']);
  }
  const of = (vm: string): readonly Binding[] => [...bound.values()].filter((binding) => binding['vm-uuid'] === vm);
  return {
    async bind(binding) {
      await store.write(binding);
      bound.set(binding['vmi-uuid'], binding);
      engine.bind(binding['vmi-uuid'], binding['host-ifname']);
    },
    async unbind(vm, sandbox) {
      for (const binding of of(vm)) {
        if (sandbox !== undefined && sandbox !== '' && binding['vm-id'] !== undefined && binding['vm-id'] !== sandbox)
          continue;
        bound.delete(binding['vmi-uuid']);
        engine.unbind(binding['vmi-uuid']);
        await store.remove(binding);
      }
    },
    of,
    get: (vmi) => bound.get(vmi),
    list: () => [...bound.values()],
  };
}

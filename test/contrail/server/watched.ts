/** A change stream as tests read it: the names of what it has sent, and waiting for some. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContrailClient } from '../../../contrail/client.ts';
import { type ConfigView, watchConfig } from '../../../contrail/watch.ts';
import { createLogger } from '../../../runtime/log.ts';

export interface Watched {
  /** Its objects as `type name`, sorted. */
  readonly names: () => string[];
  readonly view: () => ConfigView | undefined;
  readonly until: (condition: (names: readonly string[]) => boolean) => Promise<string[]>;
}

/** Follows what a node is sent, or everything, until `signal` aborts. */
export function watchServer(
  client: ContrailClient,
  { signal, node }: { readonly signal: AbortSignal; readonly node?: string },
): Watched {
  let view: ConfigView | undefined;
  const onChange = (next: ConfigView): void => {
    view = next;
  };
  const followed = node === undefined ? {} : { node };
  void watchConfig({ client, ...followed, onChange, signal, log: createLogger('test', 'silent') });
  const names = (): string[] =>
    [...(view?.objects.values() ?? [])].map(({ type, fq_name: name }) => `${type} ${name.at(-1)}`).sort();
  const until = async (condition: (names: readonly string[]) => boolean): Promise<string[]> => {
    for (let tries = 0; tries < 250; tries += 1) {
      if (view !== undefined && condition(names())) return names();
      await sleep(20);
    }
    throw new Error(`never came about; there is: ${names().join(', ')}`);
  };
  return { names, view: () => view, until };
}

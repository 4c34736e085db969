/** Follows every pod of the run and notes when an address has two holders: those that Kubernetes has, not at the end alone. */
import { createReflector } from '../../../kubernetes/cache.ts';
import type { KubeClient } from '../../../kubernetes/client.ts';
import { type SlimPod, slimPod } from '../../../kubernetes/objects.ts';
import { portsOfPod } from '../../../kubernetes/ports.ts';
import { createLogger } from '../../../runtime/log.ts';

export interface Holders {
  /** One line for each address that was held twice. */
  readonly twice: readonly string[];
  /** How many addresses were held at one time at most, and how many were given in all. */
  readonly figures: () => { readonly most: number; readonly given: number };
}

/** Watches until the signal aborts. Networks with names of users' own are spaces of their own, all others are one. */
export async function followHolders(client: KubeClient, signal: AbortSignal): Promise<Holders> {
  const held = new Map<string, string>();
  const twice: string[] = [];
  let [most, given] = [0, 0];
  const release = (uid: string): void => {
    for (const [place, holder] of held) if (holder === uid) held.delete(place);
  };
  const claim = (pod: SlimPod): void => {
    for (const place of placesOf(pod)) {
      const holder = held.get(place);
      if (holder === pod.uid) continue;
      if (holder !== undefined) twice.push(`${place}: ${holder} and ${pod.namespace}/${pod.name} ${pod.uid}`);
      held.set(place, pod.uid);
      given += 1;
    }
    most = Math.max(most, held.size);
  };
  const pods = createReflector<SlimPod>({
    client,
    path: '/api/v1/pods',
    project: slimPod,
    onChange: (change) => {
      const { object } = change;
      const hasEnded = object.phase === 'Succeeded' || object.phase === 'Failed';
      if (change.kind === 'delete' || hasEnded) release(object.uid);
      else claim(object);
    },
    signal,
    log: createLogger('random', 'warn'),
  });
  await pods.whenSynced();
  return { twice, figures: () => ({ most, given }) };
}

function placesOf(pod: SlimPod): readonly string[] {
  const ports = portsOfPod(pod.annotations['opencontrail.org/ports'], pod.uid)?.interfaces ?? [];
  return ports.flatMap(({ network, ips, attachment }) => {
    const isOwn = attachment !== undefined || !/-(pod|app)-network$/.test(network);
    return ips.map((ip) => `${isOwn ? network : ''} ${ip.split('/')[0]}`);
  });
}

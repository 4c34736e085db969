/** What Ingresses are told: the addresses that serve them, and Events on what their users must mend. */
import type { KubeClient } from '../../kubernetes/client.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import { reportEvent } from '../../kubernetes/events.ts';
import type { SlimIngress } from '../../kubernetes/ingress.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Problem } from '../model.ts';

export interface Teller {
  /** Writes the addresses into every Ingress that says others. */
  readonly addresses: (ingresses: readonly SlimIngress[], addresses: readonly string[]) => Promise<void>;
  /** Reports what was not reported before. */
  readonly problems: (
    ingresses: readonly SlimIngress[],
    problems: ReadonlyMap<string, readonly Problem[]>,
  ) => Promise<void>;
}

/** A refusal is logged, and what it was about is tried again in the next round. */
export function createTeller(kube: KubeClient, { host, log }: { readonly host: string; readonly log: Logger }): Teller {
  let told = new Set<string>();
  return {
    addresses: async (ingresses, addresses) => {
      const wanted = JSON.stringify(addresses);
      for (const ingress of ingresses) {
        if (JSON.stringify(ingress.addresses) !== wanted) await writeAddresses(ingress, addresses, { kube, log });
      }
    },
    problems: async (ingresses, problems) => {
      const now = new Set<string>();
      for (const ingress of ingresses) {
        for (const problem of problems.get(ingress.uid) ?? []) {
          const key = `${ingress.uid} ${problem.reason} ${problem.message}`;
          if (told.has(key) || (await report({ ingress, problem, host }, { kube, log }))) now.add(key);
        }
      }
      told = now;
    },
  };
}

interface Deps {
  readonly kube: KubeClient;
  readonly log: Logger;
}

async function writeAddresses(
  { namespace, name, uid }: SlimIngress,
  addresses: readonly string[],
  { kube, log }: Deps,
): Promise<void> {
  const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/${name}/status`;
  const ingress = addresses.map((ip) => ({ ip }));
  try {
    await kube.patch(path, { metadata: { uid }, status: { loadBalancer: { ingress } } });
  } catch (error) {
    // It is gone, or another of the same name has come: the watch will say so.
    if (hasStatus(error, 404) || hasStatus(error, 409)) return;
    log.warn({ namespace, name, reason: messageOf(error) }, 'cannot write the status of an Ingress');
  }
}

async function report(
  { ingress, problem, host }: { readonly ingress: SlimIngress; readonly problem: Problem; readonly host: string },
  { kube, log }: Deps,
): Promise<boolean> {
  const { namespace, name, uid } = ingress;
  const object = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', namespace, name, uid };
  try {
    await reportEvent(kube, { object, ...problem, type: 'Warning', component: 'opencontrail-proxy', host });
    return true;
  } catch (error) {
    log.warn({ namespace, name, reason: messageOf(error) }, 'cannot report an Event');
    return false;
  }
}

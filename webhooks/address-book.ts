/** Who holds which address, from pods' own port annotations: so that a static address that is taken is refused with a name. */
import type { Change } from '../kubernetes/cache.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { slimPod } from '../kubernetes/objects.ts';
import { portsOfPod } from '../kubernetes/ports.ts';

/** A pod that holds addresses, and which. */
export interface AddressHolder {
  readonly namespace: string;
  readonly name: string;
  readonly held: readonly { readonly network: string; readonly address: string; readonly isFurther: boolean }[];
}

export interface AddressBook {
  readonly take: (change: Change<AddressHolder>) => void;
  /** `namespace/name` of the pod that holds an address in a network; in the cluster's flat space one holder is for all networks. */
  readonly holderOf: (network: string, address: string, isFlat: boolean) => string | undefined;
}

/** The projection of pods for the book: those that hold an address and are not about to give it back. */
export function addressHolder(raw: KubeObject): AddressHolder | undefined {
  const { namespace, name, uid, annotations, phase, deletionTimestamp } = slimPod(raw);
  const ports = portsOfPod(annotations[ANNOTATION.ports], uid);
  if (ports === undefined || deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed')
    return undefined;
  const held = ports.interfaces.flatMap(({ network, ips, attachment }) =>
    ips.map((ip) => ({ network, address: ip.split('/')[0] ?? ip, isFurther: attachment !== undefined })),
  );
  return { namespace, name, held };
}

/** An empty book; fill it with the changes of a reflector. */
export function createAddressBook(): AddressBook {
  const byAddress = new Map<string, Set<AddressHolder>>();
  const remove = (holder: AddressHolder): void => {
    for (const { address } of holder.held) {
      const holders = byAddress.get(address);
      holders?.delete(holder);
      if (holders?.size === 0) byAddress.delete(address);
    }
  };
  return {
    take: (change) => {
      if (change.kind === 'delete') return remove(change.object);
      if (change.previous !== undefined) remove(change.previous);
      for (const { address } of change.object.held) {
        const holders = byAddress.get(address) ?? new Set();
        byAddress.set(address, holders.add(change.object));
      }
    },
    holderOf: (network, address, isFlat) => {
      for (const { namespace, name, held } of byAddress.get(address) ?? []) {
        const isSame = held.some(
          (each) => each.address === address && (each.network === network || (isFlat && !each.isFurther)),
        );
        if (isSame) return `${namespace}/${name}`;
      }
      return undefined;
    },
  };
}

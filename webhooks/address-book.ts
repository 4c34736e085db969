/**
 * Who holds which address, and who uses which definition, from pods' own annotations: so that an address that is taken, and the
 * deletion of a definition in use, are refused with a name.
 */
import type { Change } from '../kubernetes/cache.ts';
import type { KubeObject } from '../kubernetes/client.ts';
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { parsePodAssignment } from '../kubernetes/assignment.ts';
import { type SlimPod, slimPod } from '../kubernetes/objects.ts';
import { portsOfPod } from '../kubernetes/ports.ts';
import { withoutLength } from '../runtime/cidr.ts';

/** A pod that holds addresses or uses definitions, and which. */
export interface AddressHolder {
  readonly namespace: string;
  readonly name: string;
  /** IP addresses, and MAC addresses in lower case. */
  readonly held: readonly { readonly network: string; readonly address: string; readonly isFurther: boolean }[];
  /** Definitions, as `namespace/name`; also of a pod that has no ports yet. */
  readonly attachments: readonly string[];
}

export interface AddressBook {
  readonly take: (change: Change<AddressHolder>) => void;
  /** `namespace/name` of the pod that holds an address in a network; in the cluster's flat space one holder is for all networks. */
  readonly holderOf: (network: string, address: string, isFlat: boolean) => string | undefined;
  /** The pods that use a definition, both as `namespace/name`, sorted. */
  readonly usersOf: (definition: string) => readonly string[];
}

/** The projection of pods for the book: those that hold or use something and are not about to give it back. */
export function addressHolder(raw: KubeObject): AddressHolder | undefined {
  const pod = slimPod(raw);
  if (isLeaving(pod)) return undefined;
  const { namespace, name, uid, annotations } = pod;
  const ports = portsOfPod(annotations[ANNOTATION.ports], uid);
  const assigned = ports ?? parsePodAssignment(annotations[ANNOTATION.assignment]);
  const attachments = (assigned?.interfaces ?? []).flatMap(({ attachment }) => attachment ?? []);
  if (ports === undefined && attachments.length === 0) return undefined;
  const held = (ports?.interfaces ?? []).flatMap(({ network, ips, mac, attachment }) =>
    [...ips.map(withoutLength), mac.toLowerCase()].map((address) => ({
      network,
      address,
      isFurther: attachment !== undefined,
    })),
  );
  return { namespace, name, held, attachments: [...new Set(attachments)] };
}

function isLeaving({ phase, deletionTimestamp }: SlimPod): boolean {
  return deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed';
}

/** An empty book; fill it with the changes of a reflector. */
export function createAddressBook(): AddressBook {
  const byAddress = new Map<string, Set<AddressHolder>>();
  const byDefinition = new Map<string, Set<AddressHolder>>();
  const remove = (holder: AddressHolder): void => {
    for (const { address } of holder.held) drop(byAddress, address, holder);
    for (const definition of holder.attachments) drop(byDefinition, definition, holder);
  };
  return {
    take: (change) => {
      if (change.kind === 'delete') return remove(change.object);
      if (change.previous !== undefined) remove(change.previous);
      for (const { address } of change.object.held) put(byAddress, address, change.object);
      for (const definition of change.object.attachments) put(byDefinition, definition, change.object);
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
    usersOf: (definition) =>
      [...(byDefinition.get(definition) ?? [])].map(({ namespace, name }) => `${namespace}/${name}`).sort(),
  };
}

type Index = Map<string, Set<AddressHolder>>;

function put(index: Index, key: string, holder: AddressHolder): void {
  index.set(key, (index.get(key) ?? new Set()).add(holder));
}

function drop(index: Index, key: string, holder: AddressHolder): void {
  const holders = index.get(key);
  holders?.delete(holder);
  if (holders?.size === 0) index.delete(key);
}

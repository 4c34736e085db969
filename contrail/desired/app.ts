/** What an isolated app becomes: a network, and on it the policies of the Services that it may use. Pure. */
import { uuidOf } from '../names.ts';
import type { ContrailObject, FqName } from '../objects.ts';
import { type End, type ReferenceObject, referenceBetween } from '../reference.ts';
import { ATTACHED, flatNetwork } from './network.ts';
import { type Naming, ownerFor } from './owner.ts';

export interface AppInput {
  readonly namespace: string;
  readonly app: string;
  /** The policies, each of which admits to one Service. */
  readonly policies: readonly FqName[];
}

/** Everything under the key `App/<namespace>/<app>`: the network reaches nodes, DNS, the Kubernetes API, and what is listed. */
export function desiredApp({ namespace, app, policies }: AppInput, naming: Naming): readonly ContrailObject[] {
  const { names } = naming;
  const owner = ownerFor({ kind: 'App', namespace, name: app }, naming);
  const network = flatNetwork(
    {
      fqName: names.appNetwork(namespace, app),
      ipam: names.podIpam,
      policies: [names.ipFabricPolicy, names.systemServicePolicy],
    },
    owner,
  );
  return [network, ...policies.map((policy) => policyOn(network, policy))];
}

/** One policy in a network's list, where others attach theirs too. */
export function policyOn(network: End, policy: FqName): ReferenceObject {
  const target = { type: 'network-policy', uuid: uuidOf('network-policy', policy), fq_name: policy };
  return referenceBetween(network, target, ATTACHED);
}

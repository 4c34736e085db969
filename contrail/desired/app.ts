/** What an isolated app becomes: a network, and on it the policies of the Services that it may use. Pure. */
import type { ContrailObject, FqName } from '../objects.ts';
import type { FabricFlags } from './fabric.ts';
import { flatNetwork, policyOn } from './network.ts';
import { type Naming, ownerFor } from './owner.ts';

export interface AppInput extends FabricFlags {
  readonly namespace: string;
  readonly app: string;
  /** The policies, each of which admits to one Service. */
  readonly policies: readonly FqName[];
}

/** Everything under the key `App/<namespace>/<app>`: the network reaches nodes, DNS, the Kubernetes API, and what is listed. */
export function desiredApp(input: AppInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, app, policies } = input;
  const { names } = naming;
  const owner = ownerFor({ kind: 'App', namespace, name: app }, naming);
  const network = flatNetwork(
    {
      fqName: names.appNetwork(namespace, app),
      ipam: names.podIpam,
      policies: [names.ipFabricPolicy, names.systemServicePolicy],
      fabric: input,
    },
    owner,
  );
  return [network, ...policies.map((policy) => policyOn(network, policy))];
}

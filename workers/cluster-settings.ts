/** What decisions and translations need to know of the cluster: the part of the settings that pure code sees. Types only. */
import type { Naming } from '../contrail/desired/owner.ts';
import type { PortTranslationPool, Subnet } from '../contrail/objects.ts';
import type { FabricFlags } from '../kubernetes/fabric-flags.ts';

export interface ClusterSettings extends Naming {
  readonly domain: string;
  /** The namespace that these programs run in. */
  readonly ownNamespace: string;
  readonly defaultMode: 'cluster' | 'namespace' | 'app';
  /** The flags of namespaces that do not say. */
  readonly fabric: FabricFlags;
  /** The ports of source translation; none where the settings say nothing of them. */
  readonly snatPorts: readonly PortTranslationPool[];
  readonly podSubnets: readonly Subnet[];
  readonly serviceSubnets: readonly Subnet[];
  /** Addresses of the cluster's DNS, for pods. */
  readonly dns: readonly string[];
  /** Whether Multus makes the interfaces of definitions that are not ours. */
  readonly foreignElsewhere: boolean;
  /** MTU to write for pods; 0 leaves it to the node agent. */
  readonly podMtu: number;
}

/** The networks that a NetworkConnection names: their fully qualified names, and which of them take a permission. Pure. */
import { isReserved, type NetworkNames, type NetworkUse, namespaceOfNetwork, networkUse } from './custom-network.ts';
import type { ConnectedNetwork, SlimNetworkConnection } from './network-connection.ts';
import type { AnnotationProblem } from './problems.ts';

/** The names that the question needs. */
export interface ConnectionNames extends NetworkNames {
  readonly podNetwork: (namespace: string) => readonly string[];
  readonly appNetwork: (namespace: string, app: string) => readonly string[];
  readonly attachmentNetwork: (namespace: string, definition: string) => readonly string[];
  readonly clusterPodNetwork: readonly string[];
}

export interface ConnectedNetworks {
  /** Fully qualified names, in the order of the spec. */
  readonly networks: readonly (readonly string[])[];
  /** Those of other namespaces. */
  readonly uses: readonly NetworkUse[];
  readonly problems: readonly AnnotationProblem[];
}

type Named = Pick<SlimNetworkConnection, 'namespace' | 'networks'>;

const RESERVED = { problem: 'is a network that no connection of a user may name', mend: 'name a network of pods' };
/** The schema sees what is written alike; one network has several names. */
const AGAIN = { problem: 'is named twice', mend: 'name each network once' };

/** What a connection's networks are. A network of no namespace of the cluster is the operator's, and open to all. */
export function connectedNetworks({ namespace, networks }: Named, names: ConnectionNames): ConnectedNetworks {
  const found = networks.map((network, index) => ({
    annotation: `spec.networks[${index}]`,
    fqName: nameOf(network, namespace, names),
  }));
  const owned = found.map((each) => ({ ...each, owner: namespaceOfNetwork(each.fqName, names) }));
  return {
    networks: found.map(({ fqName }) => fqName),
    uses: owned.flatMap(({ annotation, fqName, owner }) => {
      if (owner === undefined || owner === namespace) return [];
      return [networkUse({ annotation, value: fqName.join(':') }, owner, fqName)];
    }),
    problems: owned.flatMap(({ annotation, fqName, owner }, index) => {
      const value = fqName.join(':');
      if (isReserved(fqName, owner, names)) return [{ annotation, value, ...RESERVED }];
      const isAgain = owned.slice(0, index).some((other) => other.fqName.join(':') === value);
      return isAgain ? [{ annotation, value, ...AGAIN }] : [];
    }),
  };
}

function nameOf(network: ConnectedNetwork, home: string, names: ConnectionNames): readonly string[] {
  const { kind, name, namespace = home } = network;
  switch (kind) {
    case 'VirtualNetwork':
      return [...names.project(namespace), name];
    case 'NetworkAttachmentDefinition':
      return names.attachmentNetwork(namespace, name);
    case 'Namespace':
      return names.podNetwork(name);
    case 'App':
      return names.appNetwork(namespace, name);
    case 'Cluster':
      return names.clusterPodNetwork;
    case 'Network':
      return name.split(':');
  }
}

/** Why a NetworkConnection must not stand: networks that nobody may name, those that its user may not use, addresses in common. */
import type { VirtualNetwork } from '../contrail/objects.ts';
import { mayUseNetwork } from '../kubernetes/access.ts';
import type { ConnectedNetworks } from '../kubernetes/connected-networks.ts';
import { type NetworkUse, useProblem } from '../kubernetes/custom-network.ts';
import type { SlimNetworkConnection } from '../kubernetes/network-connection.ts';
import { problemText } from '../kubernetes/problems.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { Deps } from './deps.ts';
import { readExistingNamespace } from './lookup.ts';
import { isShared } from './permission.ts';
import { isFlat, overlap, subnetsOf, subnetText } from './subnets.ts';

interface Refusal {
  readonly reason: string;
  readonly message: string;
}

interface Question {
  readonly connection: SlimNetworkConnection;
  readonly named: ConnectedNetworks;
  /** Those of its networks that are there. */
  readonly networks: readonly VirtualNetwork[];
}

/** The first reason there is, or `undefined`. */
export async function refusalOf(question: Question, deps: Deps): Promise<Refusal | undefined> {
  const { connection, named, networks } = question;
  if (named.problems.length > 0) {
    return { reason: 'ConnectionRefused', message: named.problems.map(problemText).join('. ') };
  }
  return (await forbidden(connection, named.uses, deps)) ?? addressesInCommon(networks, deps.settings);
}

/** Asked of the user that admission has noted: a permission may be taken away afterwards. */
async function forbidden(
  { namespace, requester }: SlimNetworkConnection,
  uses: readonly NetworkUse[],
  deps: Deps,
): Promise<Refusal | undefined> {
  if (uses.length === 0) return undefined;
  const home = await readExistingNamespace(namespace, deps);
  for (const use of uses.filter((each) => !isShared(each, home, deps))) {
    if (requester !== undefined && (await mayUseNetwork(deps.kube, requester, { use }))) continue;
    const who = requester === undefined ? 'a user whom no webhook has seen' : `user ${requester.user}`;
    return { reason: 'NetworkForbidden', message: problemText(useProblem(use, who)) };
  }
  return undefined;
}

/** An address that two networks have means its own in each, so their pods could not reach each other. */
function addressesInCommon(networks: readonly VirtualNetwork[], settings: ClusterSettings): Refusal | undefined {
  for (const [index, a] of networks.entries()) {
    for (const b of networks.slice(index + 1)) {
      if (isFlat(a) && isFlat(b)) continue;
      const shared = subnetsOf(a, settings).find((one) => subnetsOf(b, settings).some((other) => overlap(one, other)));
      if (shared === undefined) continue;
      const names = [a, b].map(({ fq_name: fqName }) => fqName.join(':')).join(' and ');
      const message = `networks ${names} both have addresses of ${subnetText(shared)}; connect networks without addresses in common`;
      return { reason: 'AddressesInCommon', message };
    }
  }
  return undefined;
}

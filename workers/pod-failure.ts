/** What a user is told where a pod cannot have the addresses it asks for. */
import { ContrailError } from '../contrail/client.ts';
import { podInterfaceUuid } from '../contrail/desired/pod.ts';
import type { InstanceIp, Subnet } from '../contrail/objects.ts';
import { ownerOf } from '../contrail/ownership.ts';
import type { AddressRange } from '../kubernetes/virtual-network.ts';
import { TerminalError } from '../runtime/errors.ts';
import { NONE_FREE, poolText } from './address-pool.ts';
import type { ApplyDeps, Deps } from './deps.ts';
import type { PodInterface, PodSubject } from './desired/pod.ts';
import { subnetHolding, subnetText } from './subnets.ts';
import { TakenMeanwhile } from './taken-meanwhile.ts';

/** Throws a `TerminalError` where an address that was asked for lies in none of the network's subnets. Pure. */
export function refuseOutOfRange({ name, network, addresses }: PodInterface, subnets: readonly Subnet[]): void {
  const outside = addresses.find((address) => subnetHolding(address, subnets) === undefined);
  if (outside === undefined) return;
  const range = subnets.map(subnetText).join(', ');
  throw new TerminalError(
    'AddressOutOfRange',
    `interface ${name}: the address ${outside} is not in ${range}, the subnets of network ${network.join(':')}; ` +
      'ask for another, or for none, and re-create the pod',
  );
}

const NOT_TO_BE_HAD = /already in use|exhausted|Gateway IP cannot be used/;

/**
 * The failure in the user's terms, where an address is taken: who holds it. It is tried again, since the holder may go; of a pool
 * another is chosen.
 */
export async function explainPodFailure(
  error: unknown,
  subject: PodSubject,
  deps: ApplyDeps,
): Promise<Error | undefined> {
  if (!(error instanceof ContrailError) || !NOT_TO_BE_HAD.test(error.message)) return undefined;
  const asking = subject.interfaces.filter(({ isAllocated, addresses }) => !isAllocated && addresses.length > 0);
  for (const port of asking) {
    for (const address of port.addresses) {
      const holder = await holderOf(address, { port, subject }, deps);
      if (holder === undefined) continue;
      const message = `interface ${port.name}: the address ${address} of network ${port.network.join(':')} is held by ${holder}`;
      return new AddressTaken(message, { cause: error });
    }
  }
  const exhausted = EXHAUSTED.exec(error.message);
  if (exhausted !== null) return await noneLeft(error, exhausted[1] ?? '', deps);
  return unheld(error, asking, { pool: subject.pool, pooled: deps.pooled });
}

/** No pod of the network has what was refused. */
function unheld(
  error: ContrailError,
  asking: readonly PodInterface[],
  { pool = [], pooled = [] }: { readonly pool?: PodSubject['pool']; readonly pooled?: readonly string[] | undefined },
): Error | undefined {
  if (asking.length > 0) return notToBeHad(error, asking);
  return pooled.length > 0 ? takenOfPool(error, pooled, pool) : undefined;
}

/** `Virtual-Network(['default-domain', 'k8s-dev', 'blue']) has exhausted subnet([])`; Python 2 marks its texts by a `u`. */
const EXHAUSTED = /Virtual-Network\(\[(.*?)\]\) has exhausted/;

async function noneLeft(cause: ContrailError, parts: string, { networks, settings }: Deps): Promise<Error> {
  const network = [...parts.matchAll(/'([^']*)'/g)].map(([, part]) => part ?? '');
  const subnets = ((await networks.subnetsOf(network)) ?? []).map(subnetText);
  const isOfCluster = settings.podSubnets.map(subnetText).some((each) => subnets.includes(each));
  const room = isOfCluster ? 'add a subnet to cluster.podCidrs of the chart' : 'give it another subnet';
  const message = `network ${network.join(':')} has no free address of ${subnets.join(', ')}; delete pods that are in it, or ${room}`;
  return new AddressTaken(message, { cause });
}

/** A run that ends with it has tried many: those that are left are of networks that share the subnets, or nobody's. */
function takenOfPool(cause: ContrailError, pooled: readonly string[], pool: readonly AddressRange[]): Error {
  const message = `the pool ${poolText(pool)} has no free address that was found: ${cause.message}${NONE_FREE}`;
  return new TakenMeanwhile(pooled, message, { cause });
}

/** No pod of the network holds it: it is reserved, or in a network that shares its addresses. */
function notToBeHad(error: ContrailError, asking: readonly PodInterface[]): Error {
  const asked = asking.map(({ name, addresses }) => `interface ${name}: ${addresses.join(', ')}`).join('; ');
  const why =
    'the first address of a subnet, its last, its gateway and its DNS server are nobody’s, and another network may share the rest';
  return new AddressTaken(`${asked}: ${error.message}: ${why}; ask for another, or for none, and re-create the pod`, {
    cause: error,
  });
}

class AddressTaken extends Error {
  override readonly name = 'AddressTaken';
}

async function holderOf(
  address: string,
  { port, subject }: { readonly port: PodInterface; readonly subject: PodSubject },
  deps: Deps,
): Promise<string | undefined> {
  const network = await deps.names.uuidOf('virtual-network', port.network);
  if (network === undefined) return undefined;
  const own = podInterfaceUuid(subject.uid, port.name);
  const fields = ['instance_ip_address', 'virtual_machine_interface_refs', 'annotations'];
  const addresses = await deps.contrail.list('instance-ip', { backRefId: network, fields });
  const holder = addresses.find((object) => {
    const { instance_ip_address: held, virtual_machine_interface_refs: refs } = object as InstanceIp; // Listed by type.
    return held === address && refs?.some(({ uuid }) => uuid === own) !== true;
  });
  if (holder === undefined) return undefined;
  const owner = ownerOf(holder);
  return owner === undefined ? `instance-ip ${holder.uuid}` : `${owner.kind} ${owner.namespace}/${owner.name}`;
}

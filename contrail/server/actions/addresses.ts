/** Blocks of addresses taken from a network without an object that holds them (facts 9). */
import { allocateFrom, networkName, releaseFrom, subnetsOf } from '../addresses/pool.ts';
import { isSparse } from '../addresses/subnets.ts';
import { type Handler, ok } from '../context.ts';
import { HttpError } from '../errors.ts';
import type { StoredObject } from '../store/objects.ts';
import { transact } from '../store/transact.ts';
import { Transaction } from '../store/transaction.ts';
import { bodyOf } from './body.ts';

/** `POST /virtual-network/<id>/ip-alloc`. */
export const ipAlloc: Handler = async ({ body }, deps, [uuid = '']) => {
  const { count, subnet, family } = bodyOf(body);
  const { addresses } = await transact(deps, async (tx) => {
    const network = await requireNetwork(tx, uuid);
    const request = { subnetUuid: subnet as string | undefined, family: family as 'v4' | 'v6' | undefined };
    const subnets = await subnetsOf(tx, network, request);
    for (let index = 0; index < Number(count ?? 1); index += 1) {
      try {
        allocateFrom(tx, subnets, { request, target: {}, name: networkName(network) });
      } catch (error) {
        throw error instanceof HttpError ? new HttpError(409, error.message) : error;
      }
    }
    return network;
  }).catch((error: unknown) => {
    // Here, and only here, an exhausted network answers 409 (facts 9).
    const isExhausted = error instanceof HttpError && error.message.includes('has exhausted subnet');
    throw isExhausted ? new HttpError(409, error.message) : error;
  });
  return ok({ ip_addr: addresses });
};

/** `POST /virtual-network/<id>/ip-free`. */
export const ipFree: Handler = async ({ body }, deps, [uuid = '']) => {
  const list = bodyOf(body)['ip_addr'];
  await transact(deps, async (tx) => {
    const network = await requireNetwork(tx, uuid);
    const subnets = await subnetsOf(tx, network);
    for (const address of Array.isArray(list) ? list : []) releaseFrom(tx, subnets, address);
  });
  return ok();
};

/** `POST /virtual-network/<id>/subnet-ip-count`: reserved addresses count too. */
export const subnetIpCount: Handler = async ({ body }, deps, [uuid = '']) => {
  const list = bodyOf(body)['subnet_list'];
  const tx = new Transaction(deps);
  const subnets = await subnetsOf(tx, await requireNetwork(tx, uuid));
  const counts = (Array.isArray(list) ? list : []).map(async (id: unknown) => {
    const own = subnets.filter((subnet) => subnet.uuid === id);
    const used = await Promise.all(own.map((subnet) => deps.store.unitsInUse(subnet.key, isSparse(subnet))));
    return used.reduce((sum, each) => sum + each, 0);
  });
  return ok({ ip_count_list: await Promise.all(counts) });
};

async function requireNetwork(tx: Transaction, uuid: string): Promise<StoredObject> {
  const network = await tx.read(uuid);
  if (network?.type !== 'virtual-network') throw new HttpError(404, `Virtual Network ${uuid} not found!`);
  return network;
}

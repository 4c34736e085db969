/** An address of a pool that cannot be had is the user's to mend. Pure. */
import { ContrailError } from '../contrail/client.ts';
import { TerminalError } from '../runtime/errors.ts';

/** What passes: what the address stands on is still on its way. */
const ON_ITS_WAY = /Parent|Unknown reference/;

/** An error about an address that is to be had of a pool which is not there: the user is told which, as long as it waits. */
const POOL_MISSING = /type floating-ip-pool does not exist/;

/** What is said of a pool, or of its network, that has nothing left to give. */
const EXHAUSTED = /has exhausted subnet/;

/**
 * None of the pools that were asked has one left, for the user; they are asked again, since one may come back. `undefined` where the error
 * is another.
 */
export function noneLeft(error: unknown, pools: readonly string[]): ContrailError | undefined {
  if (!(error instanceof ContrailError) || !EXHAUSTED.test(error.message)) return undefined;
  const told =
    pools.length === 1
      ? `FloatingIPPool ${pools.join()} has no address left: give it another subnet, delete who has one of its addresses, or name another pool`
      : `FloatingIPPools ${pools.join(', ')} have no address left: give one of them another subnet, delete who has one of their addresses, or name another pool`;
  return new ContrailError(error.status, told);
}

/**
 * What the config API said against addresses of a pool, for the user; in other words where the pool is still to come; `undefined` where
 * it is something else, or `passes`.
 */
export function refusedAddress(
  error: unknown,
  { wanted, pool, passes = ON_ITS_WAY }: { readonly wanted: string; readonly pool: string; readonly passes?: RegExp },
): Error | undefined {
  if (!(error instanceof ContrailError) || (error.status !== 400 && error.status !== 409)) return undefined;
  const none = noneLeft(error, [pool]);
  if (none !== undefined) return none;
  if (POOL_MISSING.test(error.message))
    return new ContrailError(error.status, `FloatingIPPool ${pool} to be Ready: see its status`);
  if (passes.test(error.message)) return undefined;
  return new TerminalError('AddressRefused', `${wanted} of pool ${pool} cannot be had: ${error.message}`);
}

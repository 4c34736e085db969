/** An address of a pool that cannot be had is the user's to mend. Pure. */
import { ContrailError } from '../contrail/client.ts';
import { TerminalError } from '../runtime/errors.ts';

/** What passes: what the address stands on is still on its way. */
const ON_ITS_WAY = /Parent|Unknown reference/;

/** What the config API said against addresses of a pool, for the user; `undefined` where it is something else, or `passes`. */
export function refusedAddress(
  error: unknown,
  { wanted, pool, passes = ON_ITS_WAY }: { readonly wanted: string; readonly pool: string; readonly passes?: RegExp },
): TerminalError | undefined {
  if (!(error instanceof ContrailError) || (error.status !== 400 && error.status !== 409)) return undefined;
  if (passes.test(error.message)) return undefined;
  return new TerminalError('AddressRefused', `${wanted} of pool ${pool} cannot be had: ${error.message}`);
}

/** Route targets that users configure must stay out of the range from which the system draws its own (facts 9). */
import { demand } from '../errors.ts';
import type { Transaction } from '../store/transaction.ts';

const FORM = /^target:(?:(\d+)|\d+\.\d+\.\d+\.\d+):(\d+)$/;
const FIRST_AUTOMATIC = 8_000_000;
const LAST_AUTOMATIC = 16_777_216;
const TAKEN =
  'Configured route target must use ASN that is different from global ASN or route target value must be less than 8000000 and greater than 16777216';

/** Throws 400 for a malformed target, and for one of the installation's own number inside its own range. */
export async function checkRouteTargets(tx: Transaction, list: unknown): Promise<void> {
  const targets = (list as { route_target?: unknown[] } | null | undefined)?.route_target ?? [];
  if (targets.length === 0) return;
  const system = await tx.find('global-system-config', ['default-global-system-config']);
  const own = Number(system?.properties['autonomous_system'] ?? 64_512);
  for (const target of targets) {
    const match = FORM.exec(String(target));
    demand(match !== null, 400, `Invalid route target specified: ${String(target)}`);
    const isOwn = match[1] !== undefined && Number(match[1]) === own;
    const number = Number(match[2]);
    demand(!isOwn || number < FIRST_AUTOMATIC || number > LAST_AUTOMATIC, 400, TAKEN);
  }
}

/** Taking everything of this program out of the kernel: what an uninstallation runs on each node. */
import { releaseAll } from '../announce/neighbours.ts';
import { deletionOf, TABLE } from '../linux/names.ts';
import { readStanding } from './adopt.ts';
import { removeMirrors } from './mirrors.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';

/** Removes the tables, rules, routes, neighbours and our devices, and puts the kernel's local rule back first. Repeatable. */
export async function removeAll(run: Run, device: string): Promise<void> {
  await releaseAll(run, device);
  await removeMirrors(run);
  const standing = await readStanding(run, device);
  for (const family of ['-4', '-6'] as const) {
    // Before ours goes, so that the node is never without its own addresses.
    if (!standing.localFirst.includes(family))
      await output(run, ['ip', family, 'rule', 'add', 'pref', '0', 'lookup', 'local']);
    const keys = [...(family === '-4' ? standing.v4 : standing.v6)];
    // Those that went meanwhile (with their interface, say) are fine.
    await run(['ip', family, '-force', '-batch', '-'], keys.map((key) => `${deletionOf(key)}\n`).join(''));
  }
  await run(['nft', 'delete', 'table', ...TABLE.split(' ')]);
  await run(['ip', 'link', 'del', 'dev', device]);
}

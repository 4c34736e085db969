/**
 * Under which address this node asks for neighbours where it has none of its own: the kernel would ask under one of another interface,
 * and a careful router does not answer that. It asks under an address that it answers for; IPv6 has its link-local ones. Pure but for
 * `askAs` and `askAsItself`.
 */
import { output } from '../apply/run.ts';
import type { Run } from '../apply/run.ts';
import type { Held } from './choice.ts';

const TABLE = 'arp opencontrail';

/** The table for what is held; empty where every question is asked as the kernel would. */
export function askersTable(held: readonly Held[]): string {
  const places = new Map<string, string>();
  for (const { address, at } of held) {
    if (at?.subnet === undefined || address.includes(':')) continue;
    const match = `oifname "${at.interface}" arp operation request arp saddr ip != ${at.subnet} arp daddr ip ${at.subnet}`;
    if (!places.has(match)) places.set(match, `${match} arp saddr ip set ${address}`);
  }
  if (places.size === 0) return '';
  return `table ${TABLE} {\nchain asking {\ntype filter hook output priority 0; policy accept;\n${[...places.values()].join('\n')}\n}\n}\n`;
}

/** Makes a table stand in place of the one before; throws what the kernel refuses. */
export async function askAs(run: Run, table: string): Promise<void> {
  await output(run, ['nft', '-f', '-'], `add table ${TABLE}\ndelete table ${TABLE}\n${table}`);
}

/** Takes away what any run of the program has left. Repeatable. */
export async function askAsItself(run: Run): Promise<void> {
  await run(['nft', 'delete', 'table', ...TABLE.split(' ')]);
}

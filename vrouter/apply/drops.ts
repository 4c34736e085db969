/** Reads the connections that the kernel has noted as refused. */
import { DROP_LISTINGS, type NotedDrop, parseDrops } from '../linux/drops.ts';
import { TABLE } from '../linux/names.ts';
import { output, type Run } from './run.ts';

/** Throws where the table is not loaded yet. */
export async function readDrops(run: Run): Promise<readonly NotedDrop[]> {
  const listings = DROP_LISTINGS.map((set) => output(run, ['nft', 'list', 'set', ...TABLE.split(' '), set]));
  return (await Promise.all(listings)).flatMap(parseDrops);
}

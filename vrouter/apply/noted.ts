/** Reads the connections that the kernel has noted: as refused, and as passed. */
import { DROP_LISTINGS, type NotedDrop, parseDrops } from '../linux/drops.ts';
import { HIT_LISTINGS, type NotedHit, parseHits } from '../linux/hits.ts';
import { TABLE } from '../linux/names.ts';
import { output, type Run } from './run.ts';

/** Throws where the table is not loaded yet. */
export async function readDrops(run: Run): Promise<readonly NotedDrop[]> {
  return (await listed(run, DROP_LISTINGS)).flatMap(parseDrops);
}

/** Connections that policy has let pass; `isComplete` unless a set was full. Throws where the table is not loaded yet. */
export async function readHits(
  run: Run,
): Promise<{ readonly hits: readonly NotedHit[]; readonly isComplete: boolean }> {
  const read = (await listed(run, HIT_LISTINGS)).map(parseHits);
  return { hits: read.flatMap(({ hits }) => hits), isComplete: !read.some(({ isFull }) => isFull) };
}

async function listed(run: Run, sets: readonly string[]): Promise<readonly string[]> {
  return await Promise.all(sets.map((set) => output(run, ['nft', 'list', 'set', ...TABLE.split(' '), set])));
}

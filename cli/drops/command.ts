/** `kubectl contrail drops`: the connections that nodes have refused in the last ten minutes, and whose policy refused them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { CLUSTER_SETTINGS, defineCommand, EXIT, type Output } from '../command.ts';
import { type Cluster, openCluster } from '../reach/cluster.ts';
import { createDirectory } from '../reach/directory.ts';
import type { Drop } from './model.ts';
import { readDrops } from './read.ts';
import { dropText, news } from './report.ts';

const SETTINGS = {
  ...CLUSTER_SETTINGS,
  follow: { describe: 'go on until interrupted', schema: z.stringbool(), default: 'false', isSwitch: true, short: 'f' },
} as const;

const EVERY_MS = 2000;

export const drops = defineCommand({
  words: ['drops'],
  description: {
    summary: 'Shows the connections that were refused lately: by whom, between which pods, and by which policy.',
    example: 'kubectl contrail drops -f',
  },
  settings: SETTINGS,
  run: async ({ follow, json, ...where }, { output }) => {
    const cluster = await openCluster(where);
    try {
      const show = (drop: Drop): void => output.data(json ? `${JSON.stringify(drop)}\n` : dropText(drop));
      const first = await look(cluster, output);
      first.drops.toReversed().forEach(show);
      if (follow) await followDrops(first.drops, { look: async () => (await look(cluster, output)).drops, show });
      return first.unasked.length > 0 ? EXIT.unanswered : EXIT.clean;
    } finally {
      cluster.close();
    }
  },
});

async function look(cluster: Cluster, output: Output) {
  const found = await readDrops(cluster, createDirectory(cluster.kube));
  for (const reason of found.unasked) output.say(`${reason}\n`);
  return found;
}

async function followDrops(
  first: readonly Drop[],
  { look: next, show }: { readonly look: () => Promise<readonly Drop[]>; readonly show: (drop: Drop) => void },
): Promise<never> {
  let known = first;
  for (;;) {
    await sleep(EVERY_MS);
    const now = await next();
    news(known, now).toReversed().forEach(show);
    known = now;
  }
}

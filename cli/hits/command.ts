/** `kubectl contrail hits`: how many connections each rule has let pass or refused. */
import { z } from 'zod';
import { NETWORK_POLICIES, slimNetworkPolicy } from '../../kubernetes/network-policy.ts';
import { CLUSTER_SETTINGS, defineCommand, EXIT } from '../command.ts';
import { openCluster } from '../reach/cluster.ts';
import { readHits } from './read.ts';
import { hitsText } from './report.ts';
import { ruleHits } from './rules.ts';

export const hits = defineCommand({
  words: ['hits'],
  description: {
    summary: 'Counts the connections that each rule of each policy has let pass, and the packets that it has refused.',
    example: 'kubectl contrail hits --all',
  },
  settings: {
    ...CLUSTER_SETTINGS,
    all: {
      describe: 'also rules of NetworkPolicies that have decided nothing',
      schema: z.stringbool(),
      default: 'false',
      isSwitch: true,
    },
  },
  run: async ({ all, json, ...where }, { output }) => {
    const cluster = await openCluster(where);
    try {
      const [{ hits: counted, problems, forSeconds }, { items }] = await Promise.all([
        readHits(cluster),
        cluster.kube.list(NETWORK_POLICIES),
      ]);
      const rules = ruleHits(counted, items.map(slimNetworkPolicy), all);
      output.data(json ? `${JSON.stringify({ forSeconds, rules }, null, 2)}\n` : hitsText(rules));
      output.say(`Counted for ${forSeconds} seconds: since the vRouter that started last.\n`);
      for (const problem of problems) output.say(`${problem}\n`);
      return problems.length > 0 ? EXIT.unanswered : EXIT.clean;
    } finally {
      cluster.close();
    }
  },
});

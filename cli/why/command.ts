/** `kubectl contrail why`: whether a flow passes, and what both ends say, by the state that their nodes enforce. */
import { z } from 'zod';
import { CLUSTER_SETTINGS, defineCommand, EXIT } from '../command.ts';
import { openCluster } from '../reach/cluster.ts';
import { createDirectory, type PodEnd } from '../reach/directory.ts';
import { explain } from './explain.ts';
import { answerText } from './report.ts';
import { readPolicies, suppose, supposingDirectory } from './what-if.ts';
import { flowOf } from './words.ts';

const SETTINGS = {
  ...CLUSTER_SETTINGS,
  port: {
    describe: 'port that is asked for; empty: the first of a Service, 80 of a pod or an address',
    schema: z.union([z.literal(''), z.coerce.number().int().min(1).max(65_535)], {
      error: 'give a number from 1 to 65535, and the protocol by --protocol',
    }),
    default: '',
  },
  protocol: {
    describe: 'TCP, UDP, SCTP or ICMP',
    schema: z
      .string()
      .toUpperCase()
      .pipe(z.enum(['TCP', 'UDP', 'SCTP', 'ICMP'])),
    default: 'TCP',
  },
  whatIf: {
    describe: 'YAML file of NetworkPolicies to suppose, in the place of those of their names; nothing is applied',
    schema: z.string(),
    default: '',
  },
} as const;

export const why = defineCommand({
  words: ['why'],
  description: {
    summary:
      'Says whether a pod reaches a pod, a Service or an address, and which networks, policies and rules decide it.',
    example: 'kubectl contrail why shop/front shop/web --port 8080',
    words: 2,
  },
  settings: SETTINGS,
  run: async ({ port, protocol, whatIf, json, ...where }, { words, output }) => {
    const [from, to] = words;
    if (from === undefined || to === undefined) {
      output.say('kubectl contrail why: name the source and the target, as in `why shop/front shop/web --port 8080`\n');
      return EXIT.usage;
    }
    const cluster = await openCluster(where);
    try {
      const { kube } = cluster;
      const policies = whatIf === '' ? [] : await readPolicies(whatIf);
      const directory = supposingDirectory(createDirectory(kube), policies);
      const flow = await flowOf({ from, to, protocol, ...(port === '' ? {} : { port }) }, { kube, directory });
      const supposed = async (pods: readonly PodEnd[]) => {
        const { problems, ...hypothesis } = await suppose(policies, pods, cluster);
        for (const problem of problems) output.say(`${problem}\n`);
        return hypothesis;
      };
      const deps = { cluster, directory, ...(policies.length === 0 ? {} : { suppose: supposed }) };
      const [answer] = await explain([flow], deps);
      if (answer === undefined) return EXIT.unanswered;
      output.data(json ? `${JSON.stringify(answer)}\n` : answerText(answer));
      return answer.verdict === 'allowed' ? EXIT.clean : EXIT.found;
    } finally {
      cluster.close();
    }
  },
});

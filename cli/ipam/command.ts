/** `kubectl contrail ipam check`: whether every address is held once, by a pod that lives, and everywhere the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { CLUSTER_SETTINGS, defineCommand, EXIT, type Output } from '../command.ts';
import { type Cluster, openCluster } from '../reach/cluster.ts';
import { type Installation, openInstallation } from '../reach/config-api.ts';
import { askWorkers } from '../reach/workers.ts';
import { compare, confirmed } from './compare.ts';
import type { Finding, Observation } from './model.ts';
import { observe } from './observe.ts';
import { findingText, reportJson, summaryText } from './report.ts';

const SETTINGS = {
  ...CLUSTER_SETTINGS,
  repair: {
    describe: 'let the workers mend what is safe to mend; a running pod keeps its addresses',
    schema: z.stringbool(),
    default: 'false',
    isSwitch: true,
  },
  settle: {
    describe: 'seconds between the two looks: what only one of them sees is on its way',
    schema: z.coerce.number().min(0),
    default: '5',
  },
} as const;

export const ipamCheck = defineCommand({
  words: ['ipam', 'check'],
  description: {
    summary: 'Compares the addresses in config database, annotations and the kernels of all nodes.',
    example: 'kubectl contrail ipam check --repair',
  },
  settings: SETTINGS,
  run: async (settings, { output }) => {
    const cluster = await openCluster(settings);
    const installation = await openInstallation(cluster);
    try {
      const look = async () => await lookTwice(cluster, installation, settings.settle * 1000);
      const first = await look();
      const repaired = settings.repair ? await repair(first.findings, cluster) : [];
      if (repaired.length > 0) output.say(`${repaired.length} keys are looked at again: ${repaired.join(', ')}\n`);
      const { observation, findings } = repaired.length === 0 ? first : await look();
      show(output, { observation, findings, repaired }, settings.json);
      if (findings.length > 0) return EXIT.found;
      return observation.unasked.length > 0 ? EXIT.unanswered : EXIT.clean;
    } finally {
      installation.contrail.close();
      cluster.close();
    }
  },
});

interface Look {
  readonly observation: Observation;
  readonly findings: readonly Finding[];
}

async function lookTwice(cluster: Cluster, installation: Installation, settleMs: number): Promise<Look> {
  const observation = await observe(cluster, installation);
  const first = compare(observation);
  if (first.length === 0) return { observation, findings: [] };
  await sleep(settleMs);
  const again = await observe(cluster, installation);
  return { observation: again, findings: confirmed(first, compare(again)) };
}

/** The workers run the keys, on any replica's word: they confirm each absence themselves. */
async function repair(findings: readonly Finding[], cluster: Cluster): Promise<readonly string[]> {
  const keys = [...new Set(findings.flatMap(({ repair }) => repair ?? []))];
  if (keys.length === 0) return [];
  await askWorkers({ path: '/keys', body: { keys } }, cluster);
  return keys;
}

function show(output: Output, outcome: Look & { readonly repaired: readonly string[] }, isJson: boolean): void {
  const { observation, findings, repaired } = outcome;
  if (isJson) output.data(reportJson(observation, { findings, repaired }));
  else {
    output.data(findings.map(findingText).join(''));
    output.say(summaryText(observation, findings));
  }
}

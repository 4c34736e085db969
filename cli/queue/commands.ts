/** `kubectl contrail queue` and `queue retry`: which keys of the workers do not get on, and to have them run now. */
import { z } from 'zod';
import { CLUSTER_SETTINGS, defineCommand, EXIT } from '../command.ts';
import { type Cluster, openCluster } from '../reach/cluster.ts';
import { askWorkers } from '../reach/workers.ts';
import { type Letter, letterText, stuck, summaryText, Told } from './letters.ts';

const SELECTION = {
  ...CLUSTER_SETTINGS,
  namespace: { describe: 'only keys of this namespace; empty: all', schema: z.string(), default: '' },
  age: {
    describe: 'seconds that a key must have been tried for in vain; what is refused is told at once',
    schema: z.coerce.number().min(0),
    default: '15',
  },
} as const;

/** `list` may be said. */
export const queueList = defineCommand({
  words: ['queue'],
  description: {
    summary: 'Lists the keys that do not get on: refused until their object changes, or tried again and again.',
    example: 'kubectl contrail queue list --namespace shop',
    words: 1,
  },
  settings: SELECTION,
  run: async (settings, { words, output }) => {
    const [word = 'list'] = words;
    if (word !== 'list') {
      output.say(`kubectl contrail queue: "${word}" is neither list nor retry\n`);
      return EXIT.usage;
    }
    return await withCluster(settings, async (cluster) => {
      const told = Told.parse(await askWorkers({ path: '/queue' }, cluster));
      const letters = selected(told, settings);
      if (settings.json) output.data(`${JSON.stringify({ queues: told.queues, letters }, null, 2)}\n`);
      else {
        output.data(letters.map((letter) => letterText(letter, Date.now())).join(''));
        output.say(summaryText(told, letters.length));
      }
      return letters.length === 0 ? EXIT.clean : EXIT.found;
    });
  },
});

/** As many keys as one call of the workers takes comfortably. */
const MOST_KEYS = 1_000;

export const queueRetry = defineCommand({
  words: ['queue', 'retry'],
  description: {
    summary: 'Has the workers run keys now: those named, or with --all whatever list shows.',
    example: 'kubectl contrail queue retry Pod/shop/web-0',
    words: MOST_KEYS,
  },
  settings: {
    ...SELECTION,
    all: { describe: 'run all that list shows', schema: z.stringbool(), default: 'false', isSwitch: true },
  },
  run: async (settings, { words, output }) => {
    if (settings.all === words.length > 0) {
      output.say('kubectl contrail queue retry: name keys, as list shows them, or say --all\n');
      return EXIT.usage;
    }
    return await withCluster(settings, async (cluster) => {
      const keys = settings.all ? await listed(cluster, settings) : words;
      if (keys.length > 0) await askWorkers({ path: '/keys', body: { keys } }, cluster);
      if (settings.json) output.data(`${JSON.stringify({ retried: keys })}\n`);
      else output.say(`${keys.length} keys are run now${keys.length === 0 ? '' : `: ${keys.join(', ')}`}\n`);
      return EXIT.clean;
    });
  },
});

interface Selection {
  readonly namespace: string;
  /** Seconds. */
  readonly age: number;
}

function selected({ letters }: Told, { namespace, age }: Selection): readonly Letter[] {
  return stuck(letters, { now: Date.now(), ageMs: age * 1000, namespace });
}

async function listed(cluster: Cluster, settings: Selection): Promise<readonly string[]> {
  const told = Told.parse(await askWorkers({ path: '/queue' }, cluster));
  return selected(told, settings).map(({ key }) => key);
}

async function withCluster(
  settings: Parameters<typeof openCluster>[0],
  ask: (cluster: Cluster) => Promise<number>,
): Promise<number> {
  const cluster = await openCluster(settings);
  try {
    return await ask(cluster);
  } finally {
    cluster.close();
  }
}

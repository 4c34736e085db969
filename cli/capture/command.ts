/** `kubectl contrail capture`: what passes a pod's interface, as pcap. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { z } from 'zod';
import type { PodPort } from '../../kubernetes/ports.ts';
import { defineCommand, EXIT, type Output, WHERE_SETTINGS } from '../command.ts';
import { openCluster } from '../reach/cluster.ts';
import { createDirectory, type PodEnd } from '../reach/directory.ts';
import { named } from '../reach/named.ts';
import { readCapture } from './read.ts';

const number = z.union([z.literal(''), z.coerce.number().positive()], { error: 'give a number greater than 0' });
const whole = z.union([z.literal(''), z.coerce.number().int().positive()], {
  error: 'give a whole number greater than 0',
});

const SETTINGS = {
  ...WHERE_SETTINGS,
  write: { describe: 'file to write; empty: standard output', schema: z.string(), default: '', short: 'w' },
  interface: { describe: 'interface of the pod; empty: its first', schema: z.string(), default: '', short: 'i' },
  filter: { describe: "which packets, as pcap-filter(7): 'tcp port 80'; empty: all", schema: z.string(), default: '' },
  count: { describe: 'ends after so many packets; empty: goes on', schema: whole, default: '', short: 'c' },
  seconds: { describe: 'ends after so long; empty: goes on', schema: number, default: '' },
  snaplen: { describe: 'bytes of each packet that are kept; empty: all', schema: whole, default: '', short: 's' },
} as const;

export const capture = defineCommand({
  words: ['capture'],
  description: {
    summary: "Writes what passes a pod's interface, in both directions, as pcap.",
    example: "kubectl contrail capture shop/web-0 --filter 'tcp port 80' | tcpdump -nr -",
    words: 1,
  },
  settings: SETTINGS,
  run: async ({ write, interface: wanted, filter, count, seconds, snaplen, ...where }, { words, output }) => {
    const target = named(words[0] ?? '');
    if (target === undefined) {
      output.say('kubectl contrail capture: name the pod, as in `capture shop/web-0 -w web.pcap`\n');
      return EXIT.usage;
    }
    if (write === '' && output.isTerminal) {
      output.say(
        'kubectl contrail capture: pcap is nothing for a terminal: give `-w file.pcap`, or `| tcpdump -nr -`\n',
      );
      return EXIT.usage;
    }
    const cluster = await openCluster(where);
    try {
      const pod = await createDirectory(cluster.kube).pod(target.namespace, target.name);
      if (pod === undefined) throw new Error(`there is no pod ${words[0]}`);
      const { vmi } = interfaceOf(pod, wanted);
      const given = Object.entries({ filter, count, seconds, snaplen }).filter(([, value]) => value !== '');
      const parameters = Object.fromEntries(given.map(([key, value]) => [key, String(value)]));
      await intoSink({ write, output }, async (take) => {
        const summary = await readCapture({ node: pod.node, vmi, parameters }, { cluster, take, stop: interrupted() });
        if (summary !== undefined) output.say(`${summary}\n`);
      });
      return EXIT.clean;
    } finally {
      cluster.close();
    }
  },
});

function interfaceOf({ namespace, name, hostNetwork, interfaces }: PodEnd, wanted: string): PodPort {
  if (hostNetwork)
    throw new Error(`pod ${namespace}/${name} is on its node's network: capture there, as in kubectl debug node/…`);
  const found = interfaces.find((each) => wanted === '' || each.name === wanted);
  if (found !== undefined) return found;
  const names = interfaces.map((each) => each.name).join(', ');
  throw new Error(`pod ${namespace}/${name} has no interface ${wanted}: --interface is one of ${names}`);
}

/** Ctrl-C ends the capture, not the command: what has come is written. */
function interrupted(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  return abort.signal;
}

/** A file that is there already keeps what it holds until something has been captured. */
async function intoSink(
  { write, output }: { readonly write: string; readonly output: Output },
  use: (take: (bytes: Uint8Array) => void) => Promise<void>,
): Promise<void> {
  if (write === '') return use(output.data);
  let file: number | undefined;
  try {
    await use((bytes) => {
      file ??= openSync(write, 'w');
      writeSync(file, bytes);
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

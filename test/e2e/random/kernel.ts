/** Compares what stands in a node's kernel with what is computed anew from the config database, by nobody's memory. */
import { compile } from '../../../vrouter/compile/compile.ts';
import { AFFINITY_MAPS } from '../../../vrouter/linux/pools.ts';
import { render } from '../../../vrouter/linux/render.ts';
import { wholeTable } from '../../../vrouter/linux/transaction.ts';
import { readStanding } from '../../../vrouter/apply/adopt.ts';
import { type Run, runHere } from '../../../vrouter/apply/run.ts';
import { watchConfig } from '../../../contrail/watch.ts';
import type { ContrailClient } from '../../../contrail/client.ts';
import type { ContrailObject } from '../../../contrail/objects.ts';
import { createLogger } from '../../../runtime/log.ts';
import type { Bindings } from '../../../vrouter/model.ts';

const OPTIONS = { device: 'ocvx0', vxlanPort: 4789 } as const;
/** A chain or map that `linux/pools.ts` declares for a number of back ends. */
const POOL = /^(inner|outer)(_slots|_marks)?[46]_\d+(_for_\d+)?$/;
/** What no computation knows: a transaction's own number, and the back ends that clients have been given. */
const LEARNT: ReadonlySet<string> = new Set(['generation', ...AFFINITY_MAPS]);
const TABLE = ['nft', '--stateless', 'list', 'table', 'inet', 'opencontrail'] as const;

/** The differences, one line each; empty where the node has exactly what it should. */
export async function kernelDifferences(
  node: { readonly name: string; readonly address: string; readonly run: Run; readonly bindings: Bindings },
  contrail: ContrailClient,
): Promise<readonly string[]> {
  const objects = await shareOf(node.name, contrail);
  const state = { address: node.address, ...compile({ objects }, node.name) };
  const desired = render(state, node.bindings, OPTIONS);
  const standing = await readStanding(node.run, OPTIONS.device);
  const fresh = await listedFresh(`${wholeTable(desired).join('\n')}\n`);
  const listed = await node.run([...TABLE]);
  return [
    ...differing('ip', new Set(desired.entries.v4.keys()), standing.v4),
    ...differing('ip -6', new Set(desired.entries.v6.keys()), standing.v6),
    ...differing('nft', lines(fresh), lines(listed.stdout)),
  ];
}

/** The node's share of the configuration, read from the beginning. */
async function shareOf(node: string, client: ContrailClient): Promise<ReadonlyMap<string, ContrailObject>> {
  const stop = new AbortController();
  return await new Promise((resolve, reject) => {
    const onChange = ({ objects }: { objects: ReadonlyMap<string, ContrailObject> }): void => {
      resolve(new Map(objects));
      stop.abort();
    };
    watchConfig({ client, node, onChange, signal: stop.signal, log: createLogger('random', 'warn') }).catch(reject);
  });
}

/** What nft prints of a table that it has just been given, in a network namespace of its own. */
async function listedFresh(script: string): Promise<string> {
  const name = `random-${process.pid}`;
  await must(['ip', 'netns', 'add', name]);
  try {
    await must(['ip', 'netns', 'exec', name, 'nft', '-f', '-'], script);
    return await must(['ip', 'netns', 'exec', name, ...TABLE]);
  } finally {
    await must(['ip', 'netns', 'del', name]);
  }
}

async function must(command: readonly [string, ...string[]], input?: string): Promise<string> {
  const { code, stdout, stderr } = await runHere(command, input);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}

/** A line for each rule and each element, whatever the order in which a hash table gives them. */
function lines(listing: string): ReadonlySet<string> {
  const blocks = [...listing.matchAll(/^\t(set|map|chain) (\S+) \{\n([\s\S]*?)^\t\}$/gm)];
  return new Set(
    blocks.flatMap(([, kind = '', name = '', body = '']) => {
      // The generation is a transaction's own, and what a pool once needed stays declared.
      if (name === 'generation' || POOL.test(name)) return elementsIn(name, body);
      const [head = ''] = body.split('elements = {');
      // What judges the pods' own sending joins with the first policy for that, and stays (ADR 0022).
      const rules = head
        .split('\n')
        .filter((line) => !line.endsWith('iifname @departures goto egress'))
        .map((line, index) => `${kind} ${name} ${kind === 'chain' ? index : ''} ${line.trim()}`);
      return [...rules, ...elementsIn(name, body)];
    }),
  );
}

function elementsIn(name: string, body: string): readonly string[] {
  if (LEARNT.has(name)) return [];
  const [, elements = ''] = /elements = \{([\s\S]*?)\}\s*$/.exec(body) ?? [];
  return elements
    .split(',')
    .map((element) => element.replaceAll(/\s+/g, ' ').trim())
    .filter((element) => element !== '')
    .map((element) => `${name} { ${element} }`);
}

function differing(what: string, wanted: ReadonlySet<string>, found: ReadonlySet<string>): readonly string[] {
  return [
    ...[...wanted].filter((line) => !found.has(line)).map((line) => `${what} lacks ${line}`),
    ...[...found].filter((line) => !wanted.has(line)).map((line) => `${what} has ${line}`),
  ];
}

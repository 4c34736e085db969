/** What of ours stands in the kernel, read as text: at start, and from time to time to see whether anybody took it away. */
import { hasLocalFirst, linkKeys, neighbourKeys, podMacs, podRoutes, routeKeys, ruleKeys } from '../linux/listing.ts';
import type { PodRoute } from '../linux/listing.ts';
import { GROUPS, ROUTE_PROTOCOL, TABLE } from '../linux/names.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';

export interface Listing {
  readonly v4: ReadonlySet<string>;
  readonly v6: ReadonlySet<string>;
  /** Families whose kernel still looks its own local table up before our rules. */
  readonly localFirst: readonly ('-4' | '-6')[];
}

/** Lists our routes, rules and permanent neighbours of both families, and bridges' interfaces. */
export async function readStanding(run: Run, device: string): Promise<Listing> {
  const [v4, v6, links] = await Promise.all([
    readFamily(run, '-4', device),
    readFamily(run, '-6', device),
    output(run, ['ip', '-oneline', 'link', 'show', 'group', `${GROUPS.pods}`]),
  ]);
  const localFirst = [v4, v6].flatMap(({ localFirst, family }) => (localFirst ? [family] : []));
  return { v4: new Set([...v4.keys, ...linkKeys(links)]), v6: v6.keys, localFirst };
}

/** The generation that the last transaction left in the kernel's table, or `undefined` when there is no table of ours. */
export async function readGeneration(run: Run): Promise<number | undefined> {
  const listed = await run(['nft', 'list', 'set', ...words(TABLE), 'generation']);
  const text = /elements = \{ (0x[0-9a-f]+) \}/.exec(listed.stdout)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** What the kernel sends to pods of this node, read anew: who asks wants to know what is, not what should be. */
export async function readPodRoutes(run: Run): Promise<readonly (PodRoute & { readonly mac: string })[]> {
  const families = await Promise.all(
    (['-4', '-6'] as const).map(async (family) => {
      const [routes, neighbours] = await Promise.all([
        run(['ip', family, 'route', 'show', 'table', 'all', 'proto', `${ROUTE_PROTOCOL}`]),
        output(run, ['ip', family, 'neigh', 'show', 'nud', 'permanent']),
      ]);
      const macs = podMacs(neighbours);
      return podRoutes(routes.stdout).map((route) => ({ ...route, mac: macs.get(route.device) ?? '' }));
    }),
  );
  return families.flat();
}

async function readFamily(run: Run, family: '-4' | '-6', device: string) {
  const [routes, rules, neighbours] = await Promise.all([
    // A family without any such table answers with an error and nothing else.
    run(['ip', family, 'route', 'show', 'table', 'all', 'proto', `${ROUTE_PROTOCOL}`]),
    output(run, ['ip', family, 'rule', 'show']),
    output(run, ['ip', family, 'neigh', 'show', 'nud', 'permanent']),
  ]);
  const keys = new Set([
    ...routeKeys(routes.stdout, family === '-6'),
    ...ruleKeys(rules),
    ...neighbourKeys(neighbours, device),
  ]);
  return { family, keys, localFirst: hasLocalFirst(rules) };
}

function words(text: string): readonly string[] {
  return text.split(' ');
}

/** What a random run does: a seeded sequence of pods of all modes that come, go and move. The same seed gives the same run. */
import { idle } from '../pods.ts';
import { type Dice, diceFrom } from './dice.ts';

/** One thing to do. */
export type Step =
  | { readonly kind: 'create'; readonly pod: RandomPod }
  | { readonly kind: 'delete'; readonly pod: RandomPod }
  /** Deleted, and made again at once under its name and with its address, on another node. */
  | { readonly kind: 'move'; readonly pod: RandomPod; readonly to: RandomPod };

export interface RandomPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const PREFIX = 'random';
const APPS = ['web', 'db', 'cache'];
const NETWORKS = ['blue', 'red'];

/** Namespaces of all modes, with the annotations that choose them. */
export const NAMESPACES: readonly { readonly name: string; readonly annotations: Readonly<Record<string, string>> }[] =
  [
    { name: `${PREFIX}-shared`, annotations: {} },
    { name: `${PREFIX}-alone`, annotations: { 'opencontrail.org/isolation': 'true' } },
    { name: `${PREFIX}-apps`, annotations: { 'opencontrail.org/isolation': 'app' } },
    { name: `${PREFIX}-custom`, annotations: {} },
  ];
const CUSTOM = `${PREFIX}-custom`;

/** The two networks of users' own have the same addresses; the definition is a third. */
export function networkManifests(): readonly object[] {
  const networks = NETWORKS.map((name) => ({
    apiVersion: 'opencontrail.org/v1alpha1',
    kind: 'VirtualNetwork',
    metadata: { namespace: CUSTOM, name },
    spec: { subnets: [{ cidr: '10.70.0.0/22', excluded: [{ start: '10.70.0.1', end: '10.70.0.31' }] }] },
  }));
  const definitions = NAMESPACES.map(({ name: namespace }) => ({
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { namespace, name: 'storage', annotations: { 'opencontrail.org/cidr': '10.71.0.0/22' } },
    spec: { config: '{"cniVersion":"1.0.0","type":"opencontrail-cni"}' },
  }));
  return [...networks, ...definitions];
}

/** An endless run that holds about `population` pods; `alive` is what it has made and not yet deleted. */
export function* steps(
  seed: number,
  { population, nodes }: { readonly population: number; readonly nodes: readonly string[] },
): Generator<Step, never> {
  const dice = diceFrom(seed);
  const { chance, pick, upTo } = dice;
  const alive: RandomPod[] = [];
  for (let serial = 0; ; serial += 1) {
    const wanted = alive.length < population ? 0.25 : 0.75;
    if (alive.length === 0 || !chance(wanted)) {
      const pod = randomPod(serial, nodes, dice);
      alive.push(pod);
      yield { kind: 'create', pod };
      continue;
    }
    const index = upTo(alive.length);
    const pod = alive[index] as RandomPod; // The index is of the list.
    if (chance(0.4)) {
      const to = { ...pod, node: pick(nodes) };
      alive[index] = to;
      yield { kind: 'move', pod, to };
    } else {
      alive.splice(index, 1);
      yield { kind: 'delete', pod };
    }
  }
}

function randomPod(serial: number, nodes: readonly string[], { chance, pick, upTo }: Dice): RandomPod {
  const { name: namespace } = pick(NAMESPACES);
  const network = namespace === CUSTOM ? pick([...NETWORKS, undefined]) : undefined;
  const host = 1 + upTo(250);
  const range = network === undefined ? '10.33.7' : '10.70.1';
  return {
    namespace,
    name: `p${serial}`,
    node: pick(nodes),
    labels: namespace.endsWith('apps') && chance(0.7) ? { 'opencontrail.org/name': pick(APPS) } : {},
    annotations: {
      ...(network === undefined ? {} : { 'opencontrail.org/network': network }),
      // Two may ask for one address: the second is refused, or waits until the first has gone.
      ...(chance(0.3) ? { 'opencontrail.org/ips': `${range}.${host}` } : {}),
      ...(chance(0.2) ? { 'k8s.v1.cni.cncf.io/networks': 'storage@data' } : {}),
    },
  };
}

export function manifestOf({ namespace, name, node, labels, annotations }: RandomPod): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels, annotations },
    spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [idle] },
  };
}

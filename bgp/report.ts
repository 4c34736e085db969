/**
 * Tells of sessions in the status of BGPRouters. Each node owns its own entry (server-side apply, a field manager for each), so that no
 * two write the same; the first node by name whose program is Ready sums them up, and takes away entries of nodes that have no such
 * program any more. A router that selects no node has no condition.
 */
import { isDeepStrictEqual } from 'node:util';
import { BGP_ROUTERS, type BgpSession, type SlimBgpRouter } from '../kubernetes/bgp-router.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { saysReady } from '../kubernetes/objects.ts';
import { API_VERSION } from '../kubernetes/resources.ts';
import { readyCondition, sessionCount } from './status.ts';

export interface Reporter {
  /** What this node says of a router now; `undefined`: it is not selected. */
  readonly tell: (router: SlimBgpRouter, sessions: readonly BgpSession[] | undefined) => Promise<void>;
}

/** Of a node's program: `gone` where there is none, as there is none where the node is gone. */
type Life = 'ready' | 'silent' | 'gone';
type Entry = SlimBgpRouter['status']['nodes'][number];

/** How long what is known of another node is believed. */
const BELIEVED_MS = 5_000;

/** The reporter of a node's program; `namespace` is the one that all of them run in. */
export function createReporter(
  kube: KubeClient,
  { node, namespace }: { readonly node: string; readonly namespace: string },
): Reporter {
  const lifeOf = createLives(kube, namespace);
  const apply = async (router: string, manager: string, status: object): Promise<void> => {
    const body = { apiVersion: API_VERSION, kind: 'BGPRouter', metadata: { name: router }, status };
    const query = { fieldManager: manager, force: true };
    await kube.patch(`${BGP_ROUTERS}/${router}/status`, body, 'application/apply-patch+yaml', { query });
  };
  const leave = async ({ name, status }: SlimBgpRouter): Promise<void> => {
    if (status.nodes.some((each) => each.name === node)) await apply(name, managerOf(node), NO_ENTRY);
    else if (status.nodes.length === 0 && status.conditions.length > 0)
      await apply(name, CONDITION_MANAGER, NO_CONDITION);
  };
  return {
    async tell(router, sessions) {
      if (sessions === undefined) return leave(router);
      const { nodes } = router.status;
      const own: Entry = { name: node, neighbors: sessions };
      const before = nodes.find(({ name }) => name === node);
      if (!isDeepStrictEqual(before, own)) await apply(router.name, managerOf(node), { nodes: [own] });
      const others = nodes.filter(({ name }) => name !== node);
      if (
        await isAnybodyReady(
          others.filter(({ name }) => name < node),
          lifeOf,
        )
      )
        return;
      const said: Entry[] = [own];
      for (const other of others) {
        const life = await lifeOf(other.name);
        if (life === 'gone') await apply(router.name, managerOf(other.name), NO_ENTRY);
        else said.push(life === 'ready' ? other : silent(other));
      }
      const condition = readyCondition(router, said, new Date().toISOString().replace(/\.\d+Z$/, 'Z'));
      const count = sessionCount(said);
      const isTold = router.status.conditions.some((each) => isDeepStrictEqual(each, condition));
      if (!isTold || router.status.sessions !== count)
        await apply(router.name, CONDITION_MANAGER, { sessions: count, conditions: [condition] });
    },
  };
}

// Not `{}`: a status of which nothing is left would be null, which the API server refuses.
const NO_ENTRY = { nodes: [] };
const NO_CONDITION = { conditions: [] };

/** The field manager of whoever sums up. */
const CONDITION_MANAGER = 'opencontrail-bgp';

/** Field managers are named by nodes; a node's name may be longer than their 128 characters. */
const managerOf = (node: string): string => `opencontrail-bgp-${node}`.slice(0, 128);

async function isAnybodyReady(entries: readonly Entry[], lifeOf: (name: string) => Promise<Life>): Promise<boolean> {
  for (const { name } of entries) if ((await lifeOf(name)) === 'ready') return true;
  return false;
}

function silent({ name, neighbors }: Entry): Entry {
  const message = 'the program bgp is not Ready there';
  return { name, neighbors: neighbors.map(({ address }) => ({ address, state: 'Unknown', message })) };
}

function createLives(kube: KubeClient, namespace: string): (node: string) => Promise<Life> {
  const known = new Map<string, { readonly life: Life; readonly at: number }>();
  return async (node) => {
    const found = known.get(node);
    if (found !== undefined && performance.now() - found.at < BELIEVED_MS) return found.life;
    const { items } = await kube.list(`/api/v1/namespaces/${namespace}/pods`, {
      labelSelector: 'app.kubernetes.io/name=opencontrail,app.kubernetes.io/component=bgp',
      fieldSelector: `spec.nodeName=${node}`,
    });
    // The node controller takes readiness from pods of a node that is silent.
    const life = items.length === 0 ? 'gone' : items.some(saysReady) ? 'ready' : 'silent';
    // Who is gone loses his entry, and is asked about again only when he has come back.
    if (life === 'gone') known.delete(node);
    else known.set(node, { life, at: performance.now() });
    return life;
  };
}

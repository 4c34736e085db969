/**
 * Tells of sessions in the status of BGPRouters. Each node owns its own entry (server-side apply, a field manager for each), so that no
 * two write the same; the first node by name that is Ready writes the condition, and takes away entries of nodes that are gone.
 */
import { isDeepStrictEqual } from 'node:util';
import { BGP_ROUTERS, type BgpSession, type SlimBgpRouter } from '../kubernetes/bgp-router.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { API_VERSION } from '../kubernetes/resources.ts';
import { readyCondition } from './status.ts';

export interface Reporter {
  /** What this node says of a router now; `undefined`: it is not selected. */
  readonly tell: (router: SlimBgpRouter, sessions: readonly BgpSession[] | undefined) => Promise<void>;
}

type NodeLife = 'ready' | 'silent' | 'gone';
type Entry = SlimBgpRouter['status']['nodes'][number];

/** How long what is known of another node is believed. */
const BELIEVED_MS = 15_000;

export function createReporter(kube: KubeClient, node: string): Reporter {
  const lifeOf = createLives(kube);
  const apply = async (router: string, manager: string, status: object): Promise<void> => {
    const body = { apiVersion: API_VERSION, kind: 'BGPRouter', metadata: { name: router }, status };
    const query = { fieldManager: manager, force: true };
    await kube.patch(`${BGP_ROUTERS}/${router}/status`, body, 'application/apply-patch+yaml', { query });
  };
  return {
    async tell(router, sessions) {
      const { nodes } = router.status;
      const before = nodes.find(({ name }) => name === node);
      if (sessions === undefined) {
        if (before !== undefined) await apply(router.name, managerOf(node), {});
        return;
      }
      const own: Entry = { name: node, neighbors: sessions };
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
        if (life === 'gone') await apply(router.name, managerOf(other.name), {});
        else said.push(life === 'ready' ? other : silent(other));
      }
      const condition = readyCondition(router, said, new Date().toISOString().replace(/\.\d+Z$/, 'Z'));
      if (!router.status.conditions.some((each) => isDeepStrictEqual(each, condition)))
        await apply(router.name, 'opencontrail-bgp', { conditions: [condition] });
    },
  };
}

/** Field managers are named by nodes; a node's name may be longer than their 128 characters. */
const managerOf = (node: string): string => `opencontrail-bgp-${node}`.slice(0, 128);

async function isAnybodyReady(
  entries: readonly Entry[],
  lifeOf: (name: string) => Promise<NodeLife>,
): Promise<boolean> {
  for (const { name } of entries) if ((await lifeOf(name)) === 'ready') return true;
  return false;
}

function silent({ name, neighbors }: Entry): Entry {
  const message = 'the node is not Ready';
  return { name, neighbors: neighbors.map(({ address }) => ({ address, state: 'Unknown', message })) };
}

function createLives(kube: KubeClient): (name: string) => Promise<NodeLife> {
  const known = new Map<string, { readonly life: NodeLife; readonly at: number }>();
  return async (name) => {
    const found = known.get(name);
    if (found !== undefined && performance.now() - found.at < BELIEVED_MS) return found.life;
    const object = await kube.get(`/api/v1/nodes/${name}`);
    const status = object?.['status'] as { conditions?: readonly { type: string; status: string }[] } | undefined;
    const isReady = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;
    const life = object === undefined ? 'gone' : isReady ? 'ready' : 'silent';
    known.set(name, { life, at: performance.now() });
    return life;
  };
}

/** What passes where in the suite `chains`: counters of its services, and of the interfaces at the ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import { NAMESPACE } from './chain-pods.ts';
import { type PodObject, podsOf, portsOf } from './pods.ts';

/** Packets of TCP from left to right, and from right to left; and such as the pod has dropped. */
export interface Passed {
  readonly forth: number;
  readonly back: number;
  readonly refused: number;
}

/** The pods of a service that are not on their way out. */
export async function instances(lab: LabHandle, app: string): Promise<readonly PodObject[]> {
  return (await podsOf(lab, NAMESPACE)).filter(({ metadata }) => metadata.name.startsWith(`${app}-`));
}

/** What each pod of a service has passed on since it was asked last; in the order of `instances`. */
export async function forwarded(lab: LabHandle, app: string): Promise<readonly Passed[]> {
  const pods = await instances(lab, app);
  return await Promise.all(
    pods.map(async ({ metadata: { name } }) => {
      const command = ['nft', 'reset', 'counters'];
      const { stdout } = await lab.execInPod({ namespace: NAMESPACE, name }, command);
      const of = (counter: string): number =>
        Number(new RegExp(`counter ${counter} \\{\\s+packets (\\d+)`).exec(stdout)?.[1] ?? Number.NaN);
      return { forth: of('forth'), back: of('back'), refused: of('refused') };
    }),
  );
}

/** Resolves when a service has nothing to pass on for a second: what came before would be counted here, and there no more. */
export async function idle(lab: LabHandle, app: string): Promise<void> {
  await forwarded(lab, app);
  const isIdle = async (): Promise<boolean> => {
    await sleep(1000);
    const { forth, back } = sumOf(await forwarded(lab, app));
    return forth + back === 0;
  };
  await lab.waitFor(`${app} to have nothing to pass on`, isIdle);
}

/** Resolves when every node has taken one of the instances out that it sends flows to now; with how long that took after `after`. */
export async function takenOut(lab: LabHandle, after: () => Promise<unknown>): Promise<number> {
  const before = await served(lab);
  await after();
  const started = performance.now();
  await lab.waitFor(
    'an instance to be taken out',
    async () => {
      const now = await served(lab);
      return now.every((ids, index) => before[index]?.some((id) => !ids.includes(id)));
    },
    { everyMs: 50 },
  );
  return Math.round(performance.now() - started);
}

/** The instances that each node sends flows to, by its own account. */
async function served(lab: LabHandle): Promise<readonly (readonly string[])[]> {
  const request = "printf 'GET /introspect/state HTTP/1.0\\r\\n\\r\\n' | socat -t5 - TCP4:127.0.0.1:9091";
  return await Promise.all(
    lab.nodes.map(async (node) => {
      const { stdout } = await lab.exec(node, ['sh', '-c', request]);
      const { chains } = JSON.parse(stdout.slice(stdout.indexOf('\r\n\r\n'))) as State;
      return chains.flatMap(({ services }) => services.flatMap(({ instances: all }) => all.map(({ uuid }) => uuid)));
    }),
  );
}

/** What is read of a vRouter's state. */
interface State {
  readonly chains: readonly {
    readonly services: readonly { readonly instances: readonly { readonly uuid: string }[] }[];
  }[];
}

/** All of a service's pods together. */
export function sumOf(passed: readonly Passed[]): Passed {
  const sum = (of: keyof Passed): number => passed.reduce((all, each) => all + each[of], 0);
  return { forth: sum('forth'), back: sum('back'), refused: sum('refused') };
}

/** A pod at an end: its addresses, and its network namespace on its node. */
export interface End {
  readonly name: string;
  readonly node: string;
  readonly v4: string;
  readonly v6: string;
  readonly netns: string;
}

/** A pod at an end, which counts TCP from and to the other network from now on. */
export async function endNamed(lab: LabHandle, name: string): Promise<End> {
  const pod = (await podsOf(lab, NAMESPACE)).find(({ metadata }) => metadata.name === name);
  const ips = (pod === undefined ? undefined : portsOf(pod))?.interfaces[0]?.ips.map((ip) => ip.split('/')[0] ?? '');
  const [v4 = '', v6 = ''] = [false, true].map((wanted) => ips?.find((ip) => ip.includes(':') === wanted));
  const node = pod?.spec.nodeName ?? '';
  const find = `for n in /run/netns/*; do ip -n $(basename $n) -4 addr show eth0 2>/dev/null | grep -q 'inet ${v4}/' && basename $n && exit; done`;
  const netns = (await lab.exec(node, ['sh', '-c', find])).stdout.trim();
  if (netns === '') throw new Error(`no network namespace on ${node} holds ${v4} of ${name}`);
  await nft(lab, { node, netns }, ['-f', '-'], COUNTING);
  return { name, node, v4, v6, netns };
}

const COUNTING = `table inet ends {
  counter sent { }
  counter received { }
  chain in { type filter hook input priority 0; iifname "eth0" meta l4proto tcp counter name received; }
  chain out { type filter hook output priority 0; oifname "eth0" meta l4proto tcp counter name sent; }
}`;

/** TCP packets that an end has sent and received since it was asked last. */
export async function exchanged(
  lab: LabHandle,
  end: End,
): Promise<{ readonly sent: number; readonly received: number }> {
  const text = await nft(lab, end, ['reset', 'counters', 'table', 'inet', 'ends']);
  const of = (counter: string): number =>
    Number(new RegExp(`counter ${counter} \\{\\s+packets (\\d+)`).exec(text)?.[1] ?? Number.NaN);
  return { sent: of('sent'), received: of('received') };
}

async function nft(
  lab: LabHandle,
  { node, netns }: Pick<End, 'node' | 'netns'>,
  args: readonly string[],
  input = '',
): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(node, ['ip', 'netns', 'exec', netns, 'nft', ...args], { input });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

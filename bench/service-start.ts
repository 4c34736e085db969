/** Services from nothing: a program that starts on a node whose kernel has none, until the last of them stands there. */
import type { LabHandle } from '../test/lab/handle.ts';
import { type Place, within } from './flows.ts';
import { hold } from './held.ts';
import type { KubeProxies } from './kube-proxy.ts';
import type { ServiceOfWorld } from './service-world.ts';
import { percentile } from './statistics.ts';

const ROUNDS = 3;

/** The maps of virtual addresses and ports, as nft calls them. */
export const OURS = 'inet opencontrail services4';
export const THEIRS = 'ip kube-proxy service-ips';

interface Started {
  /** Seconds, medians. */
  readonly ours: number;
  readonly kubeProxy: number;
}

interface Subject {
  readonly lab: LabHandle;
  readonly proxies: KubeProxies;
  /** The reference's node that stands for the first of the lab's. */
  readonly node: Place;
  readonly last: ServiceOfWorld;
  /** Services that have to stand. */
  readonly count: number;
}

/** TCP Services that stand in a kernel; none before the map is there. */
export async function standing(place: Pick<Place, 'enter'>, map: string): Promise<number> {
  return Number(await within(place, ['sh', '-c', counted(map)]));
}

/** In turn, several rounds; the other one is held, or has ended. */
export async function starting(subject: Subject): Promise<Started> {
  const { lab } = subject;
  const ours: number[] = [];
  const kubeProxy: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await startVrouter(subject));
    await lab.podsReady('opencontrail');
    await hold(lab, true);
    try {
      kubeProxy.push(await startKubeProxy(subject));
    } finally {
      await hold(lab, false);
    }
  }
  return { ours: percentile(ours, 0.5), kubeProxy: percentile(kubeProxy, 0.5) };
}

/** The container's runtime starts it again; it is measured from when it runs. */
async function startVrouter({ lab, last, count }: Subject): Promise<number> {
  const [node = ''] = lab.nodes;
  const find = String.raw`pgrep -f '^/opt/opencontrail/bin/node /opt/opencontrail/vrouter/main\.ts'`;
  const { stdout, stderr } = await lab.exec(node, [
    'sh',
    '-c',
    `kill -9 $(${find}); nft delete table inet opencontrail
     until pid=$(${find}); do sleep 0.02; done
     ${until(OURS, last)}
     echo "$(cut -d ' ' -f 1 /proc/uptime) $(sed 's/.*) //' /proc/$pid/stat | cut -d ' ' -f 20) $(${counted(OURS)})"`,
  ]);
  // Seconds since the machine started, hundredths of them when the process began.
  const [now = Number.NaN, began = Number.NaN, found = 0] = stdout.trim().split(' ').map(Number);
  if (found < count) throw new Error(`${found} of ${count} Services stand: ${stderr}`);
  return now - began / 100;
}

async function startKubeProxy({ proxies, lab, node, last, count }: Subject): Promise<number> {
  const command = proxies.commandOf(lab.nodes[0] ?? '').join(' ');
  const said = await within(node, [
    'sh',
    '-c',
    `for family in ip ip6; do nft delete table $family kube-proxy 2>&-; done
     began=$(date +%s%N)
     ${command} >/dev/null 2>&1 & pid=$!
     ${until(THEIRS, last)}
     echo "$began $(date +%s%N) $(${counted(THEIRS)})"
     kill $pid`,
  ]);
  const [began = Number.NaN, now = Number.NaN, found = 0] = said.trim().split(' ').map(Number);
  if (found < count) throw new Error(`kube-proxy: ${found} of ${count} Services stand`);
  return (now - began) / 1e9;
}

/** Waits until the last Service stands; all come in one transaction. */
function until(map: string, { address, port }: ServiceOfWorld): string {
  return `until nft get element ${map} '{ ${address} . tcp . ${port} }' >/dev/null 2>&1; do sleep 0.02; done`;
}

function counted(map: string): string {
  return `nft list map ${map} | grep -o ' \\. tcp \\. ' | wc -l`;
}

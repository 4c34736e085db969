/**
 * kube-proxy on the nodes of a reference, as what a vRouter's services are measured against: mode nftables, built from the same version
 * of Kubernetes as the lab's, told by the same API server that it is a node of the lab's. Its defaults, but for the limits of
 * conntrack, which a network namespace may not change.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBinaries } from '../test/lab/binaries/build.ts';
import { apiSocket } from '../test/lab/control-plane.ts';
import { labPrefix } from '../test/lab/names.ts';
import { binary, labDir } from '../test/lab/paths.ts';
import { adminKubeconfig } from '../test/lab/pki.ts';
import { type Place, within } from './flows.ts';

export interface KubeProxies {
  /** The command of the one that stands for a node, to be run in the reference's. */
  readonly commandOf: (node: string) => readonly string[];
  /** Starts one on each node. */
  readonly start: () => void;
  /** Holds them as they are, or lets them go on: two at once would take time from each other. */
  readonly hold: (isHeld: boolean) => void;
  /** Ends them; what they have told the kernels stays. */
  readonly end: () => Promise<void>;
  /** Ends them, and the ways to the API server. */
  readonly close: () => Promise<void>;
}

const API_PORT = 6443;

/** A reference's node whose programs weigh as those of a node of the lab's do, to the kernel's scheduler: they are of its group. */
export function weighingAs(node: string, place: Place): Place {
  const group = `/sys/fs/cgroup/cpu/${labPrefix}${node}/system/cgroup.procs`;
  return { ...place, enter: ['sh', '-c', `[ ! -e ${group} ] || echo $$ > ${group}; exec "$@"`, 'sh', ...place.enter] };
}

/** Nothing is started but a way to the API server. `nodes` are the lab's names, `places` the reference's nodes in their order. */
export async function createKubeProxies(nodes: readonly string[], places: readonly Place[]): Promise<KubeProxies> {
  await buildBinaries(['kube-proxy']);
  const folder = mkdtempSync(join(tmpdir(), 'kube-proxy-'));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, adminKubeconfig(`https://127.0.0.1:${API_PORT}`));
  const log = openSync(join(tmpdir(), 'kube-proxy.log'), 'w');
  const begin = (command: readonly string[]): ChildProcess => {
    const [program = '', ...args] = command;
    return spawn(program, args, { cwd: labDir, stdio: ['ignore', log, log] });
  };
  const relays: ChildProcess[] = [];
  for (const { enter } of places) {
    await within({ enter }, ['ip', 'link', 'set', 'lo', 'up']);
    const listen = `TCP-LISTEN:${API_PORT},bind=127.0.0.1,fork,reuseaddr,nodelay`;
    relays.push(begin([...enter, 'socat', listen, `UNIX-CONNECT:${apiSocket}`]));
  }
  const commandOf = (node: string): readonly string[] => [
    binary('kube-proxy'),
    '--proxy-mode=nftables',
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${node}`,
    '--cluster-cidr=10.32.0.0/12',
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ];
  let proxies: readonly ChildProcess[] = [];
  return {
    commandOf,
    start: () => {
      proxies = places.map(({ enter }, index) => begin([...enter, ...commandOf(nodes[index] ?? '')]));
    },
    hold: (isHeld) => proxies.forEach((proxy) => proxy.kill(isHeld ? 'SIGSTOP' : 'SIGCONT')),
    end: async () => {
      await Promise.all(proxies.map(end));
      proxies = [];
    },
    close: async () => {
      await Promise.all([...proxies, ...relays].map(end));
      rmSync(folder, { recursive: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

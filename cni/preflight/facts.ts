/** What a node is like, as far as it decides whether the product can run on it. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { messageOf } from '../../runtime/errors.ts';
import { vxlanOverheadBytes } from '../../runtime/vxlan.ts';
import { deviceOf } from '../agent/mtu.ts';
import { runProgram } from '../agent/netlink.ts';
import { type HostPort, takenPorts } from './ports.ts';

export interface NodeFacts {
  /** What the kernel refused, by what it is needed for. */
  readonly kernelProblems: readonly string[];
  /** MTU of the underlay's device, in bytes; absent where no device holds the node's address. */
  readonly underlayMtu?: number;
  /** What the tunnel takes of it. */
  readonly tunnelBytes: number;
  /** Networks that the node reaches by itself, with where that is said. */
  readonly networks: readonly { readonly cidr: string; readonly from: string }[];
  /** CNI configurations present, by file name. */
  readonly cniFiles: readonly string[];
  /** Signs of a running kube-proxy. */
  readonly kubeProxySigns: readonly string[];
  /** Ports that the product needs and another program holds. */
  readonly takenPorts: readonly HostPort[];
}

/** What the data plane needs, each as a command that must succeed in a network namespace of its own. */
const KERNEL_PROBES: Readonly<Record<string, string>> = {
  'interface pairs (veth)': 'ip link add name va type veth peer name vb',
  'tunnels (VXLAN with external control)': 'ip link add v type vxlan external dstport 4789',
  'routes into tunnels (lwtunnel)':
    'ip link set lo up && ip link add v type vxlan external dstport 4789 && ip link set v up && ip route add 192.0.2.1 encap ip id 7 dst 192.0.2.2 via 192.0.2.2 dev v onlink',
  'policy routing': 'ip rule add pref 90 fwmark 1 lookup 29001',
  'nftables with maps and conntrack zones':
    'nft -f - <<END\ntable inet t {\n map m { typeof meta mark : ct zone; }\n chain c { type filter hook prerouting priority -450;\n ct original zone set meta mark map @m\n ct zone set 7\n }\n}\nEND',
  'nftables translation':
    'nft -f - <<END\ntable inet t {\n chain c { type nat hook prerouting priority -100;\n dnat ip to 192.0.2.1\n }\n}\nEND',
};

/** Reads them on the node that this process runs on; `cniConfDir` is where the host's folder is mounted. */
export async function readNodeFacts(
  nodeIp: string,
  { cniConfDir, hostPorts }: { readonly cniConfDir: string; readonly hostPorts: readonly HostPort[] },
): Promise<NodeFacts> {
  const device = deviceOf(nodeIp);
  return {
    kernelProblems: await kernelProblems(),
    ...(device === undefined ? {} : { underlayMtu: Number(readFileSync(`/sys/class/net/${device}/mtu`, 'utf8')) }),
    tunnelBytes: vxlanOverheadBytes(nodeIp),
    networks: await networks(),
    cniFiles: readdirSync(cniConfDir)
      .filter((name) => /\.(conf|conflist|json)$/.test(name))
      .sort(),
    kubeProxySigns: await kubeProxySigns(),
    takenPorts: await takenPorts(hostPorts),
  };
}

async function kernelProblems(): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [purpose, command] of Object.entries(KERNEL_PROBES)) {
    try {
      await runProgram(['unshare', '--net', 'sh', '-ec', command], '');
    } catch (error) {
      problems.push(`${purpose}: ${messageOf(error)}`);
    }
  }
  return problems;
}

/** The node's own addresses and the destinations of its main routing table; `default` is everybody's. */
async function networks(): Promise<NodeFacts['networks']> {
  const own = Object.entries(networkInterfaces()).flatMap(([device, entries]) =>
    (entries ?? []).flatMap(({ cidr, internal }) =>
      cidr === null || internal ? [] : [{ cidr, from: `the address of ${device}` }],
    ),
  );
  const lists = ['-4', '-6'].map((family) => runProgram(['ip', family, 'route', 'show', 'table', 'main'], ''));
  const routed = (await Promise.all(lists))
    .join('\n')
    .split('\n')
    .flatMap((line) => {
      const destination = /^(?:[a-z]+ )?(\d[\d.]+(?:\/\d+)?|[0-9a-f]*:[0-9a-f:.]*(?:\/\d+)?) /.exec(`${line} `)?.[1];
      return destination === undefined ? [] : [{ cidr: destination, from: `the route "${line.trim()}"` }];
    });
  return [...own, ...routed];
}

/** kube-proxy answers health questions on 10256, and leaves chains behind when it has stopped. */
async function kubeProxySigns(): Promise<readonly string[]> {
  const signs: string[] = [];
  if (await isListening(10_256)) signs.push('something answers on its health port, 127.0.0.1:10256');
  const chains = await runProgram(['nft', 'list', 'chains'], '').catch(() => '');
  if (/KUBE-SERVICES|table ip6? kube-proxy/.test(chains))
    signs.push('its chains are in nftables (KUBE-SERVICES or table kube-proxy)');
  return signs;
}

async function isListening(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (outcome: boolean): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(1000, () => end(false));
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

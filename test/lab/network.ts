/** The lab's network: a namespace per machine, a bridge in the control plane's, a veth to each of the others. */
import { existsSync } from 'node:fs';
import { run } from './command.ts';
import { address6Of, addressOf, netnsOf, underlay } from './names.ts';
import type { Stack } from './stack.ts';

interface Segment {
  /** Of the underlay. */
  readonly mtuBytes: number;
  readonly stack: Stack;
}

/** Makes what is missing for these machines (besides `cp`, which holds the bridge). */
export async function ensureNetwork(machines: readonly string[], segment: Segment): Promise<void> {
  await ensureNamespace('cp', segment.stack, [
    `link add name underlay mtu ${segment.mtuBytes} type bridge`,
    ...addressLines('cp', 'underlay', segment.stack),
    'link set underlay up',
  ]);
  for (const machine of machines) await ensureMachineLink(machine, segment);
}

async function ensureNamespace(machine: string, stack: Stack, commands: readonly string[]): Promise<void> {
  const netns = netnsOf(machine);
  if (existsSync(`/run/netns/${netns}`) && (await isConfigured(netns, stack))) return;
  await run('ip', ['netns', 'delete', netns], { allowFailure: true });
  await run('ip', ['netns', 'add', netns]);
  await run('ip', ['-n', netns, '-batch', '-'], { input: ['link set lo up', ...commands].join('\n') });
  // Duplicate address detection would leave the first packets without a source for a second.
  await inNetns(netns, ['sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0']);
  // What crosses the bridge is for other machines: the one that holds it may have rules, but does not judge that.
  const judged = ['iptables', 'ip6tables', 'arptables'].map((rules) => `net.bridge.bridge-nf-call-${rules}=0`);
  await inNetns(netns, ['sysctl', '-qwe', ...judged]);
}

async function ensureMachineLink(machine: string, { mtuBytes, stack }: Segment): Promise<void> {
  const [netns, hub] = [netnsOf(machine), netnsOf('cp')];
  if (existsSync(`/run/netns/${netns}`) && (await isConfigured(netns, stack))) return;
  await run('ip', ['-n', hub, 'link', 'delete', machine], { allowFailure: true });
  await ensureNamespace(machine, stack, []);
  const peer = `peer name eth0 mtu ${mtuBytes} netns ${netns}`;
  await batch(hub, [
    `link add name ${machine} mtu ${mtuBytes} type veth ${peer}`,
    `link set ${machine} master underlay up`,
  ]);
  const router = stack === 'ipv6' ? `::/0 via ${address6Of('cp')}` : `default via ${addressOf('cp')}`;
  await batch(netns, ['link set eth0 up', ...addressLines(machine, 'eth0', stack), `route add ${router}`]);
}

/** The last one is what `isConfigured` asks for. */
function addressLines(machine: string, device: string, stack: Stack): readonly string[] {
  const v6 = `addr add ${address6Of(machine)}/64 dev ${device} nodad`;
  const v4 = `addr add ${addressOf(machine)}/${underlay.prefixLength} dev ${device}`;
  return stack === 'ipv6' ? [v6] : [v6, v4];
}

/** The last thing a namespace gets is its underlay address. */
async function isConfigured(netns: string, stack: Stack): Promise<boolean> {
  const addresses = await run('ip', ['-n', netns, 'addr', 'show', 'scope', 'global'], { allowFailure: true });
  return addresses.stdout.includes(stack === 'ipv6' ? underlay.prefix6 : underlay.prefix);
}

async function batch(netns: string, commands: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: commands.join('\n') });
}

async function inNetns(netns: string, command: readonly string[]): Promise<void> {
  await run('nsenter', [`--net=/run/netns/${netns}`, ...command]);
}

/** The lab's network: a namespace per machine, a bridge in the control plane's, a veth to each of the others. */
import { existsSync } from 'node:fs';
import { run } from './command.ts';
import { address6Of, addressOf, netnsOf, underlay } from './names.ts';

/** Makes what is missing for these machines (besides `cp`, which holds the bridge). `mtuBytes` is the underlay's. */
export async function ensureNetwork(machines: readonly string[], mtuBytes: number): Promise<void> {
  await ensureNamespace('cp', [
    `link add name underlay mtu ${mtuBytes} type bridge`,
    `addr add ${address6Of('cp')}/64 dev underlay nodad`,
    `addr add ${underlay.controlPlane}/${underlay.prefixLength} dev underlay`,
    'link set underlay up',
  ]);
  for (const machine of machines) await ensureMachineLink(machine, mtuBytes);
}

async function ensureNamespace(machine: string, commands: readonly string[]): Promise<void> {
  const netns = netnsOf(machine);
  if (existsSync(`/run/netns/${netns}`) && (await isConfigured(netns))) return;
  await run('ip', ['netns', 'delete', netns], { allowFailure: true });
  await run('ip', ['netns', 'add', netns]);
  await run('ip', ['-n', netns, '-batch', '-'], { input: ['link set lo up', ...commands].join('\n') });
  // Duplicate address detection would leave the first packets without a source for a second.
  await inNetns(netns, ['sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0']);
}

async function ensureMachineLink(machine: string, mtuBytes: number): Promise<void> {
  const [netns, hub] = [netnsOf(machine), netnsOf('cp')];
  if (existsSync(`/run/netns/${netns}`) && (await isConfigured(netns))) return;
  await run('ip', ['-n', hub, 'link', 'delete', machine], { allowFailure: true });
  await ensureNamespace(machine, []);
  const peer = `peer name eth0 mtu ${mtuBytes} netns ${netns}`;
  await batch(hub, [
    `link add name ${machine} mtu ${mtuBytes} type veth ${peer}`,
    `link set ${machine} master underlay up`,
  ]);
  await batch(netns, [
    'link set eth0 up',
    `addr add ${address6Of(machine)}/64 dev eth0 nodad`,
    `addr add ${addressOf(machine)}/${underlay.prefixLength} dev eth0`,
    `route add default via ${underlay.controlPlane}`,
  ]);
}

/** The last thing a namespace gets is its underlay address. */
async function isConfigured(netns: string): Promise<boolean> {
  const addresses = await run('ip', ['-n', netns, '-4', 'addr', 'show', 'scope', 'global'], { allowFailure: true });
  return addresses.stdout.includes('172.30.0.');
}

async function batch(netns: string, commands: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-batch', '-'], { input: commands.join('\n') });
}

async function inNetns(netns: string, command: readonly string[]): Promise<void> {
  await run('nsenter', [`--net=/run/netns/${netns}`, ...command]);
}

/** `npm run lab -- <command>`: a real Kubernetes of several nodes on this machine. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { passThrough } from './command.ts';
import { takeDown } from './down.ts';
import { install } from './install.ts';
import { loadImage } from './load.ts';
import { alone } from './lock.ts';
import { showLogs } from './logs.ts';
import { machineCommand } from './machine.ts';
import { binary } from './paths.ts';
import { say, step } from './progress.ts';
import { kubeletsOf, readState } from './state.ts';
import type { LabState } from './state.ts';
import { printStatus } from './status.ts';
import { bringUp, kubeconfigPath } from './up.ts';

const usage = `npm run lab -- up && npm run lab -- kubectl -- get pods -A

  up [--nodes N] [--control-node] [--bare] [--mtu BYTES] [--dual-stack | --ipv6]
                                         start what is not running; --bare: without the product; --control-node: the control
                                         plane's machine is a node, too. Default: 2 nodes, IPv4
  down                                   remove all of it
  status                                 what runs; exit code 1 when something of the lab does not
  load <oci-archive.tar>                 import an image on all nodes
  install                                build the product's image, install or upgrade its chart
  exec <node> -- <command>               run inside a machine's namespaces (n1, n2, …, cp, out)
  kubectl -- <arguments>                 kubectl on the lab's cluster
  logs [program]                         of kubelet, containerd, kube-apiserver, …, or of one of the product's
`;

type Command = (words: readonly string[], rest: readonly string[]) => Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  up: async (words) => {
    const { values } = parseArgs({
      args: [...words],
      options: {
        nodes: { type: 'string' },
        'control-node': { type: 'boolean' },
        bare: { type: 'boolean' },
        mtu: { type: 'string' },
        'dual-stack': { type: 'boolean' },
        ipv6: { type: 'boolean' },
      },
    });
    await bringUp({
      bare: values.bare === true,
      controlNode: values['control-node'] === true,
      ...(values['dual-stack'] === true ? { stack: 'dual' } : values.ipv6 === true ? { stack: 'ipv6' } : {}),
      ...(values.nodes === undefined ? {} : { nodes: count(values.nodes, '--nodes', 1, 100) }),
      ...(values.mtu === undefined ? {} : { mtuBytes: count(values.mtu, '--mtu', 1330, 65_535) }),
    });
    say(`The lab is up: KUBECONFIG=${kubeconfigPath}`);
    return 0;
  },
  down: async () => {
    await step('down', 3, takeDown);
    return 0;
  },
  status: () => printStatus(),
  load: async ([archive]) => {
    if (archive === undefined) throw new Error('load needs an archive: npm run lab -- load image.tar');
    const nodes = kubeletsOf(theLab());
    await step(`load ${archive} on ${nodes.join(', ')}`, 5, () => loadImage(resolve(archive), nodes));
    return 0;
  },
  install: async () => {
    await alone(() => install(theLab()));
    return 0;
  },
  exec: async ([machine], rest) => {
    if (machine === undefined || rest.length === 0)
      throw new Error('exec needs a machine and a command: exec n1 -- ip route');
    const [program, ...args] = machineCommand(machine, rest);
    return passThrough(program, args);
  },
  kubectl: async (words, rest) => {
    theLab();
    return passThrough(binary('kubectl'), [...words, ...rest], { env: { KUBECONFIG: kubeconfigPath } });
  },
  logs: async ([program]) => showLogs(program),
};

async function main(args: readonly string[]): Promise<number> {
  const split = args.indexOf('--');
  const [name, ...words] = split < 0 ? args : args.slice(0, split);
  const command = name === undefined ? undefined : commands[name];
  if (command === undefined) {
    say(usage);
    return name === undefined || name === '--help' || name === 'help' ? 0 : 2;
  }
  return command(words, split < 0 ? [] : args.slice(split + 1));
}

function theLab(): LabState {
  const state = readState();
  if (state === undefined) throw new Error('no lab is up: npm run lab -- up');
  return state;
}

function count(text: string, flag: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`${flag} ${text}: a whole number from ${least} to ${most} is needed`);
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  return 1;
});

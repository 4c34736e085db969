/**
 * Nodes and pods as network namespaces: a bridge in a namespace of its own is the underlay, each node has a veth to it, each
 * pod a veth to its node, set up as the node agent does (contract of the port API). Labs of two checkouts do not meet.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ipaddr from 'ipaddr.js';
import { tapName } from '../../../contrail/names.ts';
import { createLogger } from '../../../runtime/log.ts';
import { runHere } from '../../../vrouter/apply/run.ts';
import type { Finished, Run } from '../../../vrouter/apply/run.ts';
import { createJournal } from '../../../vrouter/apply/journal.ts';
import { createKernel } from '../../../vrouter/apply/kernel.ts';
import type { Kernel, KernelDeps } from '../../../vrouter/apply/kernel.ts';
import { prepareHost, prepareInterfaces } from '../../../vrouter/apply/host.ts';
import { createSessions } from '../../../vrouter/apply/sessions.ts';
import type { Sessions } from '../../../vrouter/apply/sessions.ts';
import { forgetFlows } from '../../../vrouter/apply/conntrack.ts';
import { createSurroundings, type Surroundings } from '../../../vrouter/apply/surroundings.ts';
import { compile } from '../../../vrouter/compile/compile.ts';
import type { KernelDocument } from '../../../vrouter/linux/document.ts';
import { staleFlows } from '../../../vrouter/linux/flows.ts';
import { render } from '../../../vrouter/linux/render.ts';
import { labId } from '../../lab/names.ts';
import { macOf, vmiOf, worldObjects } from '../config.ts';
import type { TestWorld } from '../config.ts';
import { sentTo } from './sent.ts';

const ROUTER_MAC = '02:00:5e:00:01:01';
const DEVICE = 'ocvx0';
const OPTIONS = { device: DEVICE, vxlanPort: 4789 } as const;

/** Runs in a network namespace of this process's making. */
export function inNamespace(name: string): Run {
  return async (command, input) => runHere(['ip', 'netns', 'exec', name, ...command], input);
}

/** Keeps programs open in a network namespace of this process's making. */
export function sessionsIn(name: string): Sessions {
  return createSessions(['ip', 'netns', 'exec', name]);
}

export interface Lab {
  readonly prefix: string;
  /** Runs a shell line in a node, a pod or an outside host; resolves with its exit code and output. */
  readonly sh: (where: string, line: string) => Promise<Finished>;
  /** Starts a server or listener that lives until the lab is taken down. */
  readonly background: (where: string, line: string) => ChildProcess;
  /** Applies a world to every node of it, after `mangle` has had its way with each document; `dead` nodes are thought silent. */
  readonly apply: (
    world: TestWorld,
    mangle?: (document: KernelDocument) => KernelDocument,
    dead?: readonly string[],
  ) => Promise<void>;
  /** Takes a world up without forgetting connections that it makes stale. */
  readonly applyOnly: Lab['apply'];
  /** The banner of a TCP server (`serve`), or `undefined` when it does not answer. */
  readonly reach: (from: string, address: string, port?: number) => Promise<string | undefined>;
  /** Serves its own name and the client's address on a TCP port. */
  readonly serve: (where: string, port: number) => void;
  /** Notes every datagram that arrives on a UDP port. */
  readonly listen: (where: string, port: number) => void;
  /** Whether a listener has noted a text; waits a while for it. */
  readonly received: (where: string, text: string) => Promise<boolean>;
  /** Sends bytes through socat's second address. */
  readonly send: (where: string, target: string, bytes: string | Uint8Array) => Promise<void>;
  /** A kernel of its own on a node, as after a restart of the program. */
  readonly restart: (node: string) => Promise<Kernel>;
  readonly kernel: (node: string) => Kernel;
  readonly addOutside: (name: string, address: string) => Promise<void>;
  /** Gives a node or an outside host an interface in another segment than the underlay, with these prefixes. */
  readonly attach: (where: string, device: string, prefixes?: readonly string[]) => Promise<void>;
  readonly addPod: (name: string, world: TestWorld) => Promise<void>;
  /** Throws where nft has refused a change meanwhile: no world of a test is one that the kernel's table does not lead to. */
  readonly down: () => Promise<void>;
}

function isV6(address: string): boolean {
  return address.includes(':');
}

/** Duplicate address detection would leave the first packets without a source. */
function noDad(address: string): string {
  return isV6(address) ? 'nodad' : '';
}

async function must(line: string): Promise<void> {
  const { code, stderr } = await runHere(['sh', '-ec', line]);
  if (code !== 0) throw new Error(`${line}: ${stderr}`);
}

/** With what runs in it: a shell that is ended leaves its pipeline, which would ask for ever, and hold the namespace. */
async function removeNamespace(name: string): Promise<void> {
  await runHere(['sh', '-c', `ip netns pids ${name} 2>/dev/null | xargs -r kill -9; ip netns del ${name} 2>/dev/null`]);
}

/** A lab with a namespace per node; `down` takes everything away again. */
export async function createLab(
  test: string,
  nodes: Readonly<Record<string, string>>,
  underlayMtu = 1500,
): Promise<Lab> {
  const prefix = `${test}-${labId}`;
  const names: string[] = [];
  const children: ChildProcess[] = [];
  const kernels = new Map<string, Kernel>();
  const hostSessions = new Map<string, Sessions>();
  const pods = new Set<string>();
  const space = (name: string): string => `${prefix}-${name}`;
  const state = await mkdtemp(join(tmpdir(), 'vt-'));
  const create = async (name: string): Promise<void> => {
    await removeNamespace(space(name));
    await must(`ip netns add ${space(name)}; ip -n ${space(name)} link set lo up`);
    names.push(name);
  };
  const refusals: string[] = [];
  const kernelDeps = (name: string, run: Run, sessions: Sessions): KernelDeps => ({
    run,
    sessions,
    journal: createJournal(join(state, name)),
    device: DEVICE,
    onRefused: (reason) => refusals.push(`${name}: ${reason}`),
  });
  const attachToUnderlay = async (name: string, address: string): Promise<void> => {
    await create(name);
    const [ns, hub] = [space(name), space('hub')];
    await must(
      `ip link add eth0 netns ${ns} mtu ${underlayMtu} type veth peer name u-${name} netns ${hub}
       ip -n ${hub} link set u-${name} mtu ${underlayMtu} master br0 up
       ip -n ${ns} addr add ${address}/${isV6(address) ? '64' : '24'} dev eth0 ${noDad(address)}; ip -n ${ns} link set eth0 up`,
    );
  };
  await create('hub');
  await must(
    `ip -n ${space('hub')} link add br0 mtu ${underlayMtu} type bridge; ip -n ${space('hub')} link set br0 up`,
  );
  for (const [name, address] of Object.entries(nodes)) {
    await attachToUnderlay(name, address);
    const run = inNamespace(space(name));
    const sessions = sessionsIn(space(name));
    await prepareHost({ run, sessions }, { ...OPTIONS, address });
    hostSessions.set(space(name), sessions);
    kernels.set(name, createKernel(kernelDeps(name, run, sessions)));
  }
  const applyWorld = async (
    world: TestWorld,
    mangle: (document: KernelDocument) => KernelDocument,
    { forget, dead = [] }: { readonly forget: boolean; readonly dead?: readonly string[] },
  ): Promise<void> => {
    const objects = worldObjects(world);
    for (const [name, kernel] of kernels) {
      const bound = new Map(
        Object.entries(world.pods ?? {}).flatMap(([pod, { node, project }]) =>
          node === name && pods.has(pod) ? [[vmiOf(pod, project), tapName(vmiOf(pod, project))] as const] : [],
        ),
      );
      const state = compile({ objects: sentTo(name, objects) }, name, { dead: new Set(dead) });
      const around = await surroundings(name).read(state);
      const desired = mangle(render(state, bound, { ...OPTIONS, ...around }));
      const { failures, previous } = await kernel.apply(desired);
      if (failures.size > 0) throw new Error(JSON.stringify([...failures]));
      if (forget) await forgetFlows(inNamespace(space(name)), staleFlows(previous.sets, desired.sets));
    }
  };
  const known = new Map<string, Surroundings>();
  const surroundings = (name: string): Surroundings => {
    const run = inNamespace(space(name));
    const onAnew = (device: string): void => {
      kernels.get(name)!.forget(device);
      hostSessions.get(space(name))!.forgetDevice(device);
    };
    const found = known.get(name) ?? createSurroundings({ run, log: createLogger('lab', 'silent'), onAnew });
    known.set(name, found);
    return found;
  };
  const noteFile = (where: string): string => join(state, `${where}.notes`);
  const background = (where: string, line: string): ChildProcess => {
    const child = spawn('ip', ['netns', 'exec', space(where), 'sh', '-c', `exec ${line}`], { stdio: 'ignore' });
    children.push(child);
    return child;
  };
  return {
    prefix,
    sh: async (where, line) => inNamespace(space(where))(['sh', '-c', line]),
    background,
    apply: async (world, mangle = (document) => document, dead = []) =>
      applyWorld(world, mangle, { forget: true, dead }),
    applyOnly: async (world, mangle = (document) => document) => applyWorld(world, mangle, { forget: false }),
    async reach(from, address, port = 8080) {
      const target = isV6(address) ? `TCP6:[${address}]` : `TCP4:${address}`;
      const line = `timeout 2 socat -T1 - ${target}:${port},connect-timeout=0.7 </dev/null`;
      const { stdout } = await inNamespace(space(from))(['sh', '-c', line]);
      const banner = stdout.trim().replace(/\[(.+)\]$/, (_, peer: string) => ipaddr.process(peer).toString());
      return banner === '' ? undefined : banner;
    },
    serve: (where, port) =>
      void background(
        where,
        `socat TCP6-LISTEN:${port},ipv6-v6only=0,fork,reuseaddr SYSTEM:'echo ${where} $SOCAT_PEERADDR'`,
      ),
    listen: (where, port) =>
      void background(where, `socat -u UDP4-RECV:${port},reuseaddr OPEN:${noteFile(where)},creat,append`),
    async received(where, text) {
      for (let tries = 0; tries < 15; tries += 1) {
        if ((await readFile(noteFile(where), 'utf8').catch(() => '')).includes(text)) return true;
        await sleep(40);
      }
      return false;
    },
    async send(where, target, bytes) {
      await inNamespace(space(where))(['socat', '-u', '-', target], bytes);
    },
    async restart(node) {
      await kernels.get(node)!.close();
      const kernel = createKernel(kernelDeps(node, inNamespace(space(node)), hostSessions.get(space(node))!));
      kernels.set(node, kernel);
      return kernel;
    },
    kernel: (node) => kernels.get(node)!,
    addOutside: attachToUnderlay,
    async attach(where, device, prefixes = []) {
      const [ns, hub, bridge] = [space(where), space('hub'), `br-${device}`];
      await must(
        `ip -n ${hub} link show ${bridge} >/dev/null 2>&1 || ip -n ${hub} link add ${bridge} type bridge
         ip -n ${hub} link set ${bridge} up
         ip link add ${device} netns ${ns} type veth peer name ${device}-${where} netns ${hub}
         ip netns exec ${ns} sysctl -qw net.ipv6.conf.${device}.accept_dad=0
         ip -n ${hub} link set ${device}-${where} master ${bridge} up; ip -n ${ns} link set ${device} up`,
      );
      for (const prefix of prefixes) await must(`ip -n ${ns} addr add ${prefix} dev ${device} ${noDad(prefix)}`);
    },
    async addPod(name, world) {
      const pod = world.pods![name]!;
      const [owner, device] = pod.of ?? [name, 'eth0'];
      const vmi = vmiOf(name, pod.project);
      const [ns, node, tap] = [space(owner), space(pod.node), tapName(vmi)];
      if (pod.of === undefined || !names.includes(owner)) await create(owner);
      pods.add(name);
      await must(
        `ip link add ${device} netns ${ns} address ${macOf(vmi)} mtu ${underlayMtu - 50} type veth peer name ${tap} netns ${node}
         ip -n ${node} link set ${tap} address ${ROUTER_MAC} mtu ${underlayMtu - 50} up; ip -n ${ns} link set ${device} up`,
      );
      for (const address of [pod.address, pod.address6]) {
        if (address === undefined) continue;
        const gateway = isV6(address) ? 'fe80::1' : '169.254.1.1';
        await must(
          `ip -n ${ns} addr add ${address}/${isV6(address) ? '128' : '32'} dev ${device} ${noDad(address)}
           ip -n ${ns} neigh add ${gateway} lladdr ${ROUTER_MAC} dev ${device} nud permanent
           ${device === 'eth0' ? `ip -n ${ns} route add default via ${gateway} dev eth0 onlink` : ''}`,
        );
      }
      const sessions = hostSessions.get(node)!;
      sessions.forgetDevice(tap);
      await prepareInterfaces(sessions, [tap]);
    },
    async down() {
      for (const child of children) child.kill('SIGKILL');
      for (const kernel of kernels.values()) await kernel.close();
      for (const name of names) await removeNamespace(space(name));
      await rm(state, { recursive: true, force: true });
      if (refusals.length > 0)
        throw new Error(`nft refused changes, and whole tables were loaded: ${refusals.join('; ')}`);
    },
  };
}

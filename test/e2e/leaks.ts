/**
 * Packets that no well-behaved pod sends: none may cross from one isolated namespace to another, or come in from outside.
 * Each kind has a control, the same packet from where it is allowed, so that silence means something.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import { udpFragments, udpPacket, vxlanPayload } from '../vrouter/lab/bytes.ts';
import { tunnelMac } from '../../vrouter/linux/tunnel.ts';
import { idle, podManifest } from './pods.ts';
import type { Reporter } from './reporter.ts';

const ATTACKER = 'leaks-a';
const VICTIM = 'leaks-b';
const PORT = 9000;

/** A pod as the tools reach it: by its network namespace on its node. */
interface Place {
  readonly node: string;
  readonly netns: string;
  readonly address: string;
  /** Where what it receives is noted, on its node. */
  readonly notes: string;
}

interface World {
  readonly lab: LabHandle;
  readonly report: Reporter;
  /** The attacker's pods: two on the first node, one on the second. */
  readonly a: readonly [Place, Place, Place];
  /** The victim's: one on each node. */
  readonly b: readonly [Place, Place];
  /** The VNI of the victim's network. */
  readonly vni: number;
}

/** Run by `npm run e2e -- leaks`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  const world = await makeWorld(lab, report);
  await injection(world);
  await forgedSource(world);
  await missFallsThrough(world);
  await splicedFragment(world);
  await forgedReply(world);
}

async function injection({ lab, report, a: [attacker], b, vni }: World): Promise<void> {
  for (const victim of b) {
    const target = `UDP4-SENDTO:${lab.address(victim.node)}:4789`;
    const source = b[victim === b[0] ? 1 : 0].address;
    const wrapped = (payload: string): Buffer =>
      vxlanPayload(
        vni,
        tunnelMac(lab.address(victim.node)),
        udpPacket({ from: source, to: victim.address, port: PORT, payload }),
      );
    const other = lab.nodes.find((node) => node !== victim.node) ?? '';
    await sendFromMachine(lab, other, { target, bytes: wrapped('tunnel-of-a-node') });
    report.equal(
      `control: a node’s own tunnel reaches the pod on ${victim.node}`,
      await received(lab, victim, 'tunnel-of-a-node'),
      true,
    );
    await send(lab, attacker, { target, bytes: wrapped('tunnel-of-a-pod') });
    report.equal(
      `a pod cannot inject by VXLAN into ${victim.node}`,
      await received(lab, victim, 'tunnel-of-a-pod'),
      false,
    );
    await sendFromMachine(lab, 'out', { target, bytes: wrapped('tunnel-of-outside') });
    report.equal(
      `a machine outside cannot inject by VXLAN into ${victim.node}`,
      await received(lab, victim, 'tunnel-of-outside'),
      false,
    );
  }
}

async function forgedSource({ lab, report, a: [attacker, neighbour], b: [victim, elsewhere] }: World): Promise<void> {
  await send(lab, attacker, forged(attacker.address, neighbour.address, 'own-source'));
  report.equal(
    'control: a hand-made packet with its own source arrives',
    await received(lab, neighbour, 'own-source'),
    true,
  );
  await send(lab, attacker, forged(elsewhere.address, victim.address, 'stolen-source'));
  report.equal(
    'a pod cannot send as a pod of the victim’s network',
    await received(lab, victim, 'stolen-source'),
    false,
  );
  await send(lab, attacker, forged(victim.address, neighbour.address, 'stolen-locally'));
  report.equal(
    'nor with another’s source into its own network',
    await received(lab, neighbour, 'stolen-locally'),
    false,
  );
  await send(lab, attacker, forged(lab.address(attacker.node), victim.address, 'as-its-node'));
  report.equal('nor as its node', await received(lab, victim, 'as-its-node'), false);
}

function forged(from: string, to: string, payload: string): Sending {
  return { target: `IP4-SENDTO:${to}:255`, bytes: udpPacket({ from, to, port: PORT, payload }) };
}

async function missFallsThrough({ lab, report, a: [attacker], b }: World): Promise<void> {
  for (const victim of b) {
    await send(lab, attacker, { target: `UDP4-SENDTO:${victim.address}:${PORT}`, bytes: Buffer.from('plain') });
    report.equal(
      `a pod reaches no pod of another isolated namespace on ${victim.node}`,
      await received(lab, victim, 'plain'),
      false,
    );
  }
  await lab.exec('out', ['sh', '-c', listenLine(PORT, '/tmp/leaks-out')]);
  lab.onCleanup(async () => lab.exec('out', ['sh', '-c', 'fuser -k 9000/udp; rm -f /tmp/leaks-out']));
  await send(lab, attacker, { target: `UDP4-SENDTO:${lab.address('out')}:${PORT}`, bytes: Buffer.from('to-outside') });
  const noted = await lab.exec('out', ['sh', '-c', 'sleep 0.5; cat /tmp/leaks-out']);
  report.equal('a pod reaches no machine outside', noted.stdout.includes('to-outside'), false);
}

async function splicedFragment({ lab, report, a: [attacker, neighbour], b: [victim] }: World): Promise<void> {
  const datagram = { from: attacker.address, to: neighbour.address, port: PORT, payload: 'genuine.-continued' };
  const raw = `IP4-SENDTO:${neighbour.address}:255`;
  const whole = udpFragments(datagram, 4001);
  for (const bytes of whole) await send(lab, attacker, { target: raw, bytes });
  report.equal(
    'control: a datagram in fragments arrives whole',
    await received(lab, neighbour, 'genuine.-continued'),
    true,
  );
  const spliced = udpFragments({ ...datagram, payload: 'genuine.-smuggled1' }, 4002);
  await send(lab, attacker, { target: raw, bytes: spliced[0] });
  await send(lab, victim, { target: raw, bytes: spliced[1] });
  report.equal('a pod of another namespace cannot complete it', await received(lab, neighbour, '-smuggled1'), false);
  const outside = udpFragments({ ...datagram, payload: 'genuine.-smuggled2' }, 4003);
  await routeFromOutside(lab, neighbour);
  await send(lab, attacker, { target: raw, bytes: outside[0] });
  await sendFromMachine(lab, 'out', { target: raw, bytes: outside[1] });
  report.equal('nor can a machine outside', await received(lab, neighbour, '-smuggled2'), false);
}

async function forgedReply({ lab, report, a: [attacker, , remote], b: [victim] }: World): Promise<void> {
  // The attacker's own pods talk: 7100 asks, 7200 on the other node would answer.
  const ask = { target: `UDP4-SENDTO:${remote.address}:7200,bind=:${PORT},reuseaddr`, bytes: Buffer.from('question') };
  const reply = (payload: string): Sending => ({
    target: `IP4-SENDTO:${attacker.address}:255`,
    bytes: udpPacket({ from: remote.address, sourcePort: 7200, to: attacker.address, port: PORT, payload }),
  });
  await send(lab, attacker, ask);
  await send(lab, remote, reply('true-answer'));
  report.equal('control: the asked pod’s answer arrives', await received(lab, attacker, 'true-answer'), true);
  await send(lab, victim, reply('forged-by-pod'));
  report.equal(
    'a pod of another namespace cannot answer in its place',
    await received(lab, attacker, 'forged-by-pod'),
    false,
  );
  await routeFromOutside(lab, attacker);
  await sendFromMachine(lab, 'out', reply('forged-outside'));
  report.equal('nor can a machine outside', await received(lab, attacker, 'forged-outside'), false);
}

async function makeWorld(lab: LabHandle, report: Reporter): Promise<World> {
  const annotations = { 'opencontrail.org/isolation': 'true' };
  for (const namespace of [ATTACKER, VICTIM]) await lab.createNamespace(namespace, { annotations });
  const [first = '', second = ''] = lab.nodes;
  const wanted = [
    [ATTACKER, 'one', first],
    [ATTACKER, 'two', first],
    [ATTACKER, 'three', second],
    [VICTIM, 'one', first],
    [VICTIM, 'two', second],
  ] as const;
  await lab.apply(wanted.map(([namespace, name, node]) => podManifest({ namespace, name, node }, idle)));
  await lab.podsReady(ATTACKER);
  await lab.podsReady(VICTIM);
  const places: Place[] = [];
  for (const [namespace, name, node] of wanted) places.push(await placeOf(lab, { namespace, name, node }));
  const [a1, a2, a3, b1, b2] = places;
  if (!a1 || !a2 || !a3 || !b1 || !b2) throw new Error('the lab has too few nodes');
  const network = await networkOf(lab, first, `${VICTIM}-pod-network`);
  return { lab, report, a: [a1, a2, a3], b: [b1, b2], vni: network };
}

async function placeOf(
  lab: LabHandle,
  { namespace, name, node }: { namespace: string; name: string; node: string },
): Promise<Place> {
  const address = await lab.kubectl(['get', 'pod', '-n', namespace, name, '-o', 'jsonpath={.status.podIP}']);
  const find = `for n in /run/netns/*; do ip -n $(basename $n) -4 addr show eth0 2>/dev/null | grep -q 'inet ${address}/' && basename $n && exit; done`;
  const netns = (await lab.exec(node, ['sh', '-c', find])).stdout.trim();
  if (netns === '') throw new Error(`no network namespace on ${node} holds ${address}`);
  const notes = `/run/${namespace}-${name}.notes`;
  await lab.exec(node, ['sh', '-c', `rm -f ${notes}; ip netns exec ${netns} ${listenLine(PORT, notes)}`]);
  lab.onCleanup(async () => lab.exec(node, ['rm', '-f', notes]));
  return { node, netns, address: address.trim(), notes };
}

/** The VNI of a network, from the vRouter's own account of what it forwards. */
async function networkOf(lab: LabHandle, node: string, suffix: string): Promise<number> {
  const request = "printf 'GET /introspect/state HTTP/1.0\\r\\n\\r\\n' | socat -t5 - TCP4:127.0.0.1:9091";
  const { stdout } = await lab.exec(node, ['sh', '-c', request]);
  const state = JSON.parse(stdout.slice(stdout.indexOf('\r\n\r\n'))) as { networks: { id: number; name: string }[] };
  const found = state.networks.find(({ name }) => name.endsWith(suffix));
  if (found === undefined) throw new Error(`${node} knows no network ${suffix}`);
  return found.id;
}

function listenLine(port: number, notes: string): string {
  return `sh -c 'socat -u UDP4-RECV:${port},reuseaddr OPEN:${notes},creat,append >/dev/null 2>&1 </dev/null &'`;
}

/** A machine outside that would reach pods by the node of this one. */
async function routeFromOutside(lab: LabHandle, { node, address }: Place): Promise<void> {
  await lab.exec('out', ['ip', 'route', 'replace', `${address}/32`, 'via', lab.address(node)]);
  lab.onCleanup(async () => lab.exec('out', ['ip', 'route', 'del', `${address}/32`]));
}

interface Sending {
  /** A socat address. */
  readonly target: string;
  readonly bytes: Uint8Array;
}

async function send(lab: LabHandle, { node, netns }: Place, sending: Sending): Promise<void> {
  await sendBy(lab, node, { ...sending, prefix: `ip netns exec ${netns} ` });
}

async function sendFromMachine(lab: LabHandle, machine: string, sending: Sending): Promise<void> {
  await sendBy(lab, machine, { ...sending, prefix: '' });
}

async function sendBy(
  lab: LabHandle,
  machine: string,
  { target, bytes, prefix }: Sending & { prefix: string },
): Promise<void> {
  const line = `base64 -d | ${prefix}socat -u - ${target}`;
  const { code, stderr } = await lab.exec(machine, ['sh', '-c', line], {
    input: Buffer.from(bytes).toString('base64'),
  });
  // A refusal from the kernel of the sender's own node is as good as a drop.
  if (code !== 0 && !/Operation not permitted|No route|unreachable/i.test(stderr))
    throw new Error(`${line}: ${stderr}`);
}

async function received(lab: LabHandle, { node, notes }: Place, text: string): Promise<boolean> {
  for (let tries = 0; tries < 8; tries += 1) {
    const { stdout } = await lab.exec(node, ['sh', '-c', `cat ${notes} 2>/dev/null`]);
    if (stdout.includes(text)) return true;
    await sleep(100);
  }
  return false;
}

/**
 * Source translation under the ports of pools, kube-manager's and wide ones, against all ports: connections to one server, and how many of
 * some thousand UDP flows to one destination there are.
 */
import type { TestWorld } from '../test/vrouter/config.ts';
import { createLab, type Lab } from '../test/vrouter/lab/nodes.ts';
import { connectionRate, installTools, medians, type Path, type Place, placeIn, within } from './flows.ts';
import { NODE, OUTSIDE, OUTWARD } from './outward-world.ts';
import { ratioLine } from './statistics.ts';

const LENGTH = { rounds: 3, seconds: 3 } as const;
const [POD, FLOWS] = ['10.32.0.1', 3000] as const;
const POOLS = {
  usual: [
    ['tcp', 56_000, 57_023],
    ['udp', 57_024, 58_047],
  ],
  wide: [
    ['tcp', 16_384, 65_535],
    ['udp', 16_384, 65_535],
  ],
} as const satisfies Record<string, TestWorld['portPools']>;

export async function run(): Promise<readonly string[]> {
  await installTools();
  const lab = await createLab('vbp', { n1: NODE });
  try {
    await lab.addOutside('out', OUTSIDE);
    await lab.addPod('c1', worldOf());
    const [client, server] = [placeIn(lab, 'c1', POD), placeIn(lab, 'out', OUTSIDE)];
    const path = (pools?: TestWorld['portPools']): Path => ({ client, server, prepare: () => prepare(lab, pools) });
    const paths = { all: path(), usual: path(POOLS.usual), wide: path(POOLS.wide) };
    const { all, usual, wide } = await medians(paths, connectionRate, LENGTH);
    const flows = await medians(paths, () => flowsOf(lab, client), { rounds: 1, seconds: 0 });
    return [
      ratioLine('connections to one server under kube-manager’s ports against all ports', usual, all, '1/s'),
      ratioLine('connections to one server under wide pools against all ports', wide, all, '1/s'),
      ratioLine(`UDP flows, of ${FLOWS}, under kube-manager’s ports against all ports`, flows.usual, flows.all, ''),
      ratioLine(`UDP flows, of ${FLOWS}, under wide pools against all ports`, flows.wide, flows.all, ''),
    ];
  } finally {
    await lab.down();
  }
}

function worldOf(portPools?: TestWorld['portPools']): TestWorld {
  return {
    ...OUTWARD,
    pods: { c1: { network: 'c', address: POD, node: 'n1' } },
    ...(portPools === undefined ? {} : { portPools }),
  };
}

async function prepare(lab: Lab, pools: TestWorld['portPools']): Promise<void> {
  await lab.applyOnly(worldOf(pools));
  await lab.sh('n1', 'conntrack -F');
}

/** A datagram from each of so many ports; how many flows the node has of them. */
async function flowsOf(lab: Lab, client: Place): Promise<number> {
  const sends = `const { createSocket } = require('node:dgram');
    const send = (port) => { const s = createSocket('udp4').bind(port, () => s.send('x', 9, '${OUTSIDE}', () => s.close())); };
    for (let port = 20000; port < ${20_000 + FLOWS}; port += 1) setTimeout(send, (port - 20000) / 2, port);`;
  await within(client, [process.execPath, '-e', sends]);
  const { stdout } = await lab.sh('n1', `conntrack -L -p udp --orig-src ${POD} --orig-dst ${OUTSIDE}`);
  return stdout.split('\n').filter((line) => line.startsWith('udp')).length;
}

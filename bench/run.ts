/** `npm run bench -- <name …>`: benchmarks by name; each compares ours with a reference in the same run and prints ratios. */
import { messageOf } from '../runtime/errors.ts';

const BENCHES: Readonly<Record<string, () => Promise<{ readonly run: () => Promise<readonly string[]> }>>> = {
  webhook: () => import('./webhook.ts'),
  'cold-start': () => import('./cold-start.ts'),
  cni: () => import('./cni.ts'),
  pods: () => import('./pods.ts'),
  fleet: () => import('./fleet.ts'),
  datapath: () => import('./datapath.ts'),
  addresses: () => import('./addresses.ts'),
  networks: () => import('./networks.ts'),
  policy: () => import('./policy.ts'),
  'policy-change': () => import('./policy-change.ts'),
  chains: () => import('./chains.ts'),
  edges: () => import('./edges.ts'),
  'port-pools': () => import('./port-pools.ts'),
  takeover: () => import('./takeover.ts'),
  services: () => import('./services.ts'),
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in BENCHES));
if (names.length === 0 || unknown.length > 0) {
  process.stderr.write(
    `npm run bench -- webhook cni\n\n${unknown.length > 0 ? `"${unknown.join('", "')}" is no benchmark; ` : ''}known: ${Object.keys(BENCHES).join(', ')}\n`,
  );
  process.exit(2);
}
for (const name of names) {
  process.stdout.write(`— ${name}\n`);
  try {
    const bench = await BENCHES[name]?.();
    for (const line of (await bench?.run()) ?? []) process.stdout.write(`${line}\n`);
  } catch (error) {
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** Gateway API's own suite, run from the machine outside the cluster, whose network the Gateways' addresses are of. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { poolOf } from '../e2e/outside.ts';
import { machineCommand } from '../lab/machine.ts';
import { adminKubeconfig } from '../lab/pki.ts';
import { apiServer } from '../lab/stack.ts';
import { buildGatewaySuite } from './build.ts';
import { goResultsIn } from './go-results.ts';
import { provideGatewayImages } from './images.ts';
import { runLogged } from './logged.ts';
import type { GatewaySuite, Place, Result } from './suites.ts';

/** Addresses for Gateways: the suite has about thirty at a time. */
const POOL = { name: 'gateway-conformance', first: 201, last: 250 };
const CLASS = 'opencontrail';

/** Runs the suite for what is claimed. Tests of what is not are no results. */
export async function runGateway(suite: GatewaySuite, { lab, folder }: Place): Promise<readonly Result[]> {
  const { program, echo, manifests } = await buildGatewaySuite();
  await provideGatewayImages({ echo, manifests, nodes: lab.nodes });
  lab.onCleanup(() => lab.kubectl(['delete', 'floatingippool', POOL.name, '--ignore-not-found']));
  await lab.apply([poolOf(lab, POOL, {})]);
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, adminKubeconfig(`https://${apiServer(lab.stack)}`));
  const command = [program, '-test.v', '-test.timeout=60m', ...flagsOf(suite)];
  return goResultsIn(
    await runLogged('gateway', machineCommand('out', ['env', `KUBECONFIG=${kubeconfig}`, ...command])),
  );
}

function flagsOf({ profiles, features, skip, focus }: GatewaySuite): readonly string[] {
  return [
    `-gateway-class=${CLASS}`,
    `-conformance-profiles=${profiles.join()}`,
    `-supported-features=${features.join()}`,
    `-skip-tests=${Object.keys(skip).join()}`,
    ...(focus === undefined ? [] : [`-run-test=${focus}`]),
  ];
}

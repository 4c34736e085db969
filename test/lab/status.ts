/** What of the lab runs. */
import { existsSync } from 'node:fs';
import { kubectlOf } from './handle.ts';
import { initPid } from './machine.ts';
import { outsideRelays } from './relay.ts';
import { kubeletsOf, readState } from './state.ts';
import { underlayAddress } from './stack.ts';
import { kubeconfigPath } from './up.ts';

/** Prints a line per machine, then the nodes and pods. Returns 1 when no lab is up or part of it does not run. */
export async function printStatus(): Promise<number> {
  const state = readState();
  if (state === undefined || !existsSync(kubeconfigPath)) {
    console.log('no lab is up');
    return 1;
  }
  const machines = ['cp', 'out', ...kubeletsOf(state)].map((name) => ({ name, pid: initPid(name) }));
  for (const { name, pid } of machines) {
    console.log(`${name}\t${underlayAddress(name, state.stack)}\t${pid === undefined ? 'DOWN' : `up, process ${pid}`}`);
  }
  console.log(`API\t127.0.0.1:${state.apiPort}\t${outsideRelays().length > 0 ? 'relayed' : 'NOT RELAYED'}`);
  console.log(`KUBECONFIG=${kubeconfigPath}`);
  const kubectl = kubectlOf(kubeconfigPath);
  const cluster = await kubectl(['get', 'nodes,pods', '-A', '-o', 'wide', '--request-timeout=5s'], {
    allowFailure: true,
  });
  console.log(cluster.stdout || cluster.stderr);
  return cluster.code === 0 && machines.every(({ pid }) => pid !== undefined) ? 0 : 1;
}

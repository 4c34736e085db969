/** What the lab's programs said. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { passThrough } from './command.ts';
import { labDir } from './paths.ts';
import { binary } from './paths.ts';
import { kubeconfigPath } from './up.ts';

/** The label that the chart gives the product's pods; two programs share the pod `node`. */
const component = 'app.kubernetes.io/component';
const inNodePod: readonly string[] = ['vrouter', 'agent'];

/** Prints the last lines of a program's logs on all machines (of all programs, a few each, when none is named). */
export async function showLogs(program: string | undefined): Promise<number> {
  const files = logFiles().filter((file) => program === undefined || file.endsWith(`/${program}.log`));
  if (files.length > 0) return passThrough('tail', ['-v', '-n', program === undefined ? '8' : '200', ...files]);
  const containers = program !== undefined && inNodePod.includes(program) ? ['-c', program] : ['--all-containers'];
  const pods = containers[0] === '-c' ? 'node' : program;
  const selector = ['-l', `${component}=${pods}`, ...containers, '--prefix', '--tail=200', '--max-log-requests=50'];
  return passThrough(binary('kubectl'), ['--kubeconfig', kubeconfigPath, '-n', 'opencontrail', 'logs', ...selector]);
}

function logFiles(): readonly string[] {
  const machines = join(labDir, 'machines');
  if (!existsSync(machines)) throw new Error('no lab is up: npm run lab -- up');
  return readdirSync(machines).flatMap((machine) => {
    const dir = join(machines, machine, 'log');
    return readdirSync(dir).map((file) => join(dir, file));
  });
}

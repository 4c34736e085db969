/** `npm run demo [-- --once]`: a cluster with the product in it, and who reaches whom, measured. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLab } from '../test/lab/handle.ts';
import type { LabHandle } from '../test/lab/handle.ts';
import { cacheDir, checkout } from '../test/lab/paths.ts';
import { labId } from '../test/lab/names.ts';
import { say, step } from '../test/lab/progress.ts';
import { readState } from '../test/lab/state.ts';
import { probeAll } from './probe.ts';
import { differs, tableOf } from './table.ts';
import { demoPods, manifest, namespaces } from './world.ts';
import type { DemoPod } from './world.ts';

/** There while a demonstration owns the lab: then the lab ends with it, also when the one before was killed. */
const ownership = join(cacheDir, `demo-owns-${labId}`);

let child: ChildProcess | undefined;
let interrupted = false;

/** The lab's command in a process of its own, which an interruption ends at once; what it left, `down` finds. */
function labCommand(...args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    child = spawn(process.execPath, [join(checkout, 'test', 'lab', 'main.ts'), ...args], { stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function showMatrix(lab: LabHandle): Promise<number> {
  const pods = demoPods(lab.nodes);
  await step('four namespaces, twelve pods, twelve services', 15, () => createWorld(lab, pods));
  const probes = await step('probes from every pod to every other pod and its service', 8, () => probeAll(lab, pods));
  const different = probes.filter(differs);
  console.log(`\nWho reaches whom: measured/expected. demo-blue and demo-red are isolated.\n\n${tableOf(probes)}\n`);
  for (const { from, to, target, expected, wrong } of different) {
    const what = wrong === undefined ? (expected ? 'not reached' : 'reached, and must not be') : `answered by ${wrong}`;
    console.log(`DIFFERS: ${from.namespace}/${from.name} → ${target} ${to.namespace}/${to.name}: ${what}`);
  }
  console.log(`${probes.length} connections tried, ${different.length} not as expected.`);
  return different.length;
}

async function createWorld(lab: LabHandle, pods: readonly DemoPod[]): Promise<void> {
  for (const { name, isolated } of namespaces) {
    await lab.createNamespace(name, isolated ? { annotations: { 'opencontrail.org/isolation': 'true' } } : {});
  }
  await lab.apply(manifest(pods));
  await Promise.all(namespaces.map(({ name }) => lab.podsReady(name, ['a', 'b', 'c'], { timeoutMs: 180_000 })));
}

function printGuide(lab: LabHandle): void {
  console.log(`
export KUBECONFIG=${lab.kubeconfig}

Worth typing next:
  npm run lab -- kubectl -- get pods -A -o wide
  npm run lab -- kubectl -- -n demo-blue get pod a -o yaml      # the decision and the addresses, in annotations
  npm run lab -- exec n1 -- nft list table inet opencontrail    # what the kernel was told

Ctrl-C ends the demonstration.`);
}

function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!interrupted) return;
      clearInterval(timer);
      resolve();
    }, 100);
  });
}

async function demonstrate(once: boolean): Promise<number> {
  const up = await labCommand('up');
  if (up !== 0 || interrupted) return up === 0 ? 130 : up;
  const lab = openLab();
  try {
    const different = await showMatrix(lab);
    if (!once) {
      printGuide(lab);
      await untilInterrupted();
    }
    return different === 0 ? 0 : 1;
  } finally {
    if (!existsSync(ownership)) await lab.cleanup();
  }
}

const USAGE = `npm run demo -- --once

  --once   torn down at once; exit code 1 if any packet went where it should not. Without: stays up until Ctrl-C`;

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== '--once');
  if (unknown !== undefined) {
    say(USAGE);
    return unknown === '--help' ? 0 : 2;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      interrupted = true;
      child?.kill('SIGINT');
    });
  }
  mkdirSync(cacheDir, { recursive: true });
  if (readState() === undefined) writeFileSync(ownership, '');
  try {
    return await demonstrate(args.includes('--once'));
  } finally {
    if (existsSync(ownership)) {
      await labCommand('down');
      rmSync(ownership, { force: true });
    } else {
      say('  the lab was up before and stays up: npm run lab -- down');
    }
  }
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  return interrupted ? 130 : 1;
});

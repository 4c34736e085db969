/**
 * `npm test`: unit and integration tests (jest), then the end-to-end suites on the lab, then Kubernetes' own suite of
 * NetworkPolicy there; ends with `N passed, N failed`.
 *
 * What fails is run a second time, by itself. Passing then, it counts as passed and is listed as unsteady, because
 * these tests wait for real servers on machines that others use; failing twice, it is a failure.
 */
import { spawn } from 'node:child_process';
import { buildBinaries } from './lab/binaries/build.ts';

/**
 * The end-to-end suites that belong to every run, in an order that leaves the disruptive ones to the end; `addresses` runs `interfaces`
 * and `sticky` itself, `modes` `probes`, and `changes` `starts`.
 */
const SUITES = [
  'matrix',
  'leaks',
  'addresses',
  'ipam',
  'modes',
  'connections',
  'policy',
  'changes',
  'services',
  'balancers',
  'edges',
  'forwarding',
  'ingress',
  'gateway',
  'mirrors',
  'random',
  'faults',
  'uninstall',
  'lab',
];

/** The suite of an expectation, or of upstream's spec, that failed. */
const FAILED_SUITE = /^FAILED ([^:\s]+):/gmu;

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Result extends Counts {
  readonly output: string;
}

const unsteady: string[] = [];
const started = Date.now();
// Integration tests ask a real API server: they are not skipped because it has not been built yet.
await buildBinaries();
const results: Counts[] = [
  await twice(['npm', 'run', '-s', 'unit', '--'], [], jestCounts, /^FAIL (\S+)/gmu),
  await twice([process.execPath, 'test/e2e/run.ts'], SUITES, lastLineCounts, FAILED_SUITE),
  await twice([process.execPath, 'test/conformance/run.ts'], ['netpol'], lastLineCounts, FAILED_SUITE),
];
if (process.env['CI'] === 'true') await run([process.execPath, 'test/lab/main.ts', 'down'], lastLineCounts);
const passed = results.reduce((sum, counts) => sum + counts.passed, 0);
const failed = results.reduce((sum, counts) => sum + counts.failed, 0);
if (unsteady.length > 0) process.stdout.write(`\nunsteady, passed when run again:\n${unsteady.join('\n')}\n`);
process.stdout.write(
  `\nnpm test took ${Math.round((Date.now() - started) / 1000)} s\n${passed} passed, ${failed} failed\n`,
);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

/** Runs `names` with `command`, then once more those of them that `failure` finds in the output. */
async function twice(
  command: readonly string[],
  names: readonly string[],
  countsOf: (output: string) => Counts,
  failure: RegExp,
): Promise<Counts> {
  const first = await run([...command, ...names], countsOf);
  const failing = [...new Set(Array.from(first.output.matchAll(failure), ([, name = '']) => name))];
  if (first.failed === 0 || failing.length === 0) return first;
  process.stdout.write(`\nfailed, run again: ${failing.join(' ')}\n`);
  const second = await run([...command, ...failing], countsOf);
  if (second.failed > 0 || second.passed === 0) return { passed: first.passed, failed: Math.max(second.failed, 1) };
  unsteady.push(...first.output.split('\n').filter((line) => /^(?:\s+● .* › |FAILED )/u.test(line)));
  return { passed: first.passed + first.failed, failed: 0 };
}

/** Runs a command, showing its output as it comes; a failure that its counts do not show counts as one. */
async function run([program = '', ...args]: readonly string[], countsOf: (output: string) => Counts): Promise<Result> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const show = (chunk: Buffer): void => {
    output += chunk.toString();
    process.stdout.write(chunk);
  };
  child.stdout.on('data', show);
  child.stderr.on('data', show);
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  const counts = countsOf(output);
  return { ...counts, failed: code !== 0 && counts.failed === 0 ? 1 : counts.failed, output };
}

function jestCounts(output: string): Counts {
  const line = output.split('\n').findLast((text) => text.startsWith('Tests:')) ?? '';
  return { passed: numberBefore(line, 'passed'), failed: numberBefore(line, 'failed') };
}

function lastLineCounts(output: string): Counts {
  const line = output.split('\n').findLast((text) => /^\d+ passed, \d+ failed$/.test(text)) ?? '';
  return { passed: numberBefore(line, 'passed'), failed: numberBefore(line, 'failed') };
}

function numberBefore(line: string, word: string): number {
  return Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
}

/**
 * `npm run e2e -- [--as-is] [name …]`: runs end-to-end suites on the lab, one line per expectation, a count at the end.
 * The lab is brought up with this checkout's product, unless it is to be taken `--as-is`, or no suite needs it.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildBinaries } from '../lab/binaries/build.ts';
import { openLab } from '../lab/handle.ts';
import type { LabHandle } from '../lab/handle.ts';
import { alone } from '../lab/lock.ts';
import { bringUp } from '../lab/up.ts';
import { createReporter } from './reporter.ts';
import type { Suite } from './reporter.ts';

const print = (line: string): void => console.log(line);

/** A suite that says `needsLab = false` brings what it needs itself, and is given no lab. */
interface LoadedSuite {
  readonly suite: Suite;
  readonly needsLab: boolean;
}

/** A file here is a suite when it exports `suite`; the ones that do not are tables the suites share. */
async function loadSuites(names: readonly string[]): Promise<ReadonlyMap<string, LoadedSuite>> {
  const all = new Map<string, LoadedSuite>();
  for (const file of readdirSync(import.meta.dirname).sort()) {
    if (!file.endsWith('.ts') || file === 'run.ts') continue;
    const module = (await import(join(import.meta.dirname, file))) as { suite?: Suite; needsLab?: boolean };
    if (module.suite !== undefined)
      all.set(file.slice(0, -'.ts'.length), { suite: module.suite, needsLab: module.needsLab ?? true });
  }
  if (names.length === 0) return all;
  return new Map(names.map((name) => [name, all.get(name) ?? unknownSuite(name, [...all.keys()])]));
}

function unknownSuite(name: string, known: readonly string[]): never {
  throw new Error(`npm run e2e -- matrix leaks\n\nno suite ${name}; there are ${known.join(', ')}`);
}

// Nothing of it is used by a suite that needs none.
const NO_LAB = {} as LabHandle;

async function runSuite(name: string, { suite, needsLab }: LoadedSuite): Promise<{ passed: number; failures: number }> {
  const report = createReporter(name, print);
  const lab = needsLab ? openLab() : NO_LAB;
  await suite(lab, report).catch((error: unknown) =>
    report.failed('the suite runs to its end', error instanceof Error ? error.message : String(error)),
  );
  if (needsLab) await lab.cleanup().catch((error: unknown) => report.failed('cleans up', String(error)));
  return report;
}

async function main(args: readonly string[]): Promise<number> {
  const suites = await loadSuites(args.filter((name) => name !== '--as-is'));
  const needsLab = [...suites.values()].some((loaded) => loaded.needsLab);
  if (!needsLab) await buildBinaries();
  else if (!args.includes('--as-is')) await bringUp({ bare: false });
  let passed = 0;
  let failed = 0;
  for (const [name, suite] of suites) {
    const started = Date.now();
    const result = await runSuite(name, suite);
    print(`   ${name}: took ${Math.round((Date.now() - started) / 1000)} s`);
    passed += result.passed;
    failed += result.failures;
  }
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await alone(() => main(process.argv.slice(2)), 'testing').catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.log('0 passed, 1 failed');
  return 1;
});

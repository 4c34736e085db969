/**
 * `npm run e2e -- [--as-is] [name …]`: runs end-to-end suites on the lab, one line per expectation, a count at the end.
 * The lab is brought up with this checkout's product, unless it is to be taken `--as-is`.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openLab } from '../lab/handle.ts';
import { alone } from '../lab/lock.ts';
import { bringUp } from '../lab/up.ts';
import { createReporter } from './reporter.ts';
import type { Suite } from './reporter.ts';

const print = (line: string): void => console.log(line);

/** A file here is a suite when it exports `suite`; the ones that do not are tables the suites share. */
async function loadSuites(names: readonly string[]): Promise<ReadonlyMap<string, Suite>> {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.ts') && file !== 'run.ts');
  const available = files.map((file) => file.slice(0, -'.ts'.length)).sort();
  const suites = new Map<string, Suite>();
  for (const name of names.length === 0 ? available : names) {
    if (!available.includes(name)) throw new Error(`no suite ${name}; there are ${available.join(', ')}`);
    const module = (await import(join(import.meta.dirname, `${name}.ts`))) as { suite?: Suite };
    if (module.suite !== undefined) suites.set(name, module.suite);
    else if (names.length > 0) throw new Error(`${name} is no suite: it does not export one`);
  }
  return suites;
}

async function runSuite(name: string, suite: Suite): Promise<{ passed: number; failures: number }> {
  const report = createReporter(name, print);
  const lab = openLab();
  await suite(lab, report).catch((error: unknown) =>
    report.failed('the suite runs to its end', error instanceof Error ? error.message : String(error)),
  );
  await lab.cleanup().catch((error: unknown) => report.failed('cleans up', String(error)));
  return report;
}

async function main(args: readonly string[]): Promise<number> {
  const suites = await loadSuites(args.filter((name) => name !== '--as-is'));
  if (!args.includes('--as-is')) await bringUp({ bare: false });
  let passed = 0;
  let failed = 0;
  for (const [name, suite] of suites) {
    const result = await runSuite(name, suite);
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

/**
 * `npm run conformance -- [--as-is] [--focus <expression>] <name …>`: upstream's own suites against the lab, unmodified (of SCTP: `build.ts`). One line
 * for each spec, a count at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLab } from '../lab/handle.ts';
import { alone } from '../lab/lock.ts';
import { bringUp } from '../lab/up.ts';
import { runGateway } from './gateway.ts';
import { runGinkgo } from './ginkgo.ts';
import { runPolicy } from './policy.ts';
import { type ConformanceSuite, type Place, type Result, SUITES } from './suites.ts';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'as-is': { type: 'boolean' }, focus: { type: 'string' } },
  });
  const suites = (positionals.length === 0 ? Object.keys(SUITES) : positionals).map((name) => {
    const suite = SUITES[name];
    if (suite === undefined) throw new Error(`no suite ${name}; there are ${Object.keys(SUITES).join(', ')}`);
    return [name, values.focus === undefined ? suite : { ...suite, focus: values.focus }] as const;
  });
  const ginkgo = suites.flatMap(([, suite]) => (suite.kind === 'ginkgo' ? [suite] : []));
  const controlNode = ginkgo.some(({ needsControlNode }) => needsControlNode === true);
  const nodes = Math.max(2, ...ginkgo.map((suite) => suite.nodes ?? 2));
  if (values['as-is'] !== true) await bringUp({ bare: false, controlNode, nodes });
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  const lab = openLab();
  try {
    const results: Result[] = [];
    for (const [name, suite] of suites) results.push(...(await runSuite(name, suite, { lab, folder })));
    const passed = results.filter(({ failure }) => failure === undefined).length;
    const failed = results.length - passed;
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    await lab.cleanup();
    rmSync(folder, { recursive: true });
  }
}

async function runSuite(name: string, suite: ConformanceSuite, place: Place): Promise<readonly Result[]> {
  const results = await resultsOf(suite, place);
  for (const { title, failure } of results)
    console.log(failure === undefined ? `ok ${name}: ${title}` : `FAILED ${name}: ${title} – ${failure}`);
  return results;
}

async function resultsOf(suite: ConformanceSuite, place: Place): Promise<readonly Result[]> {
  switch (suite.kind) {
    case 'ginkgo':
      return await runGinkgo(suite, place);
    case 'gateway':
      return await runGateway(suite, place);
    case 'policy':
      return await runPolicy(suite, place);
  }
}

process.exitCode = await alone(main, 'testing').catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.log('0 passed, 1 failed');
  return 1;
});

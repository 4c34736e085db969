/**
 * `npm run conformance -- [--as-is] [--focus <expression>] <name …>`: suites of Kubernetes itself, unmodified, against the lab. One
 * line for each spec, a count at the end.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../lab/command.ts';
import { type LabHandle, openLab } from '../lab/handle.ts';
import { alone } from '../lab/lock.ts';
import { kubeletsOf } from '../lab/state.ts';
import { bringUp } from '../lab/up.ts';
import { buildSuite } from './build.ts';
import { provideImages } from './images.ts';
import { type ConformanceSuite, SUITES } from './suites.ts';

/** What Ginkgo's JSON report says of a spec. */
interface SpecReport {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
  readonly Failure?: { readonly Message?: string };
}

interface Context {
  readonly program: string;
  readonly folder: string;
  readonly lab: LabHandle;
}

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
  const program = await buildSuite();
  if (values['as-is'] !== true)
    await bringUp({ bare: false, controlNode: suites.some(([, { needsControlNode }]) => needsControlNode === true) });
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const context = { program, folder, lab: openLab() };
    writeFileSync(repositories(folder), 'promoterE2eRegistry: docker.io/library\n');
    await provideImages(program, repositories(folder), kubeletsOf(context.lab));
    const specs: SpecReport[] = [];
    for (const [name, suite] of suites) specs.push(...(await runSuite(name, suite, context)));
    const passed = specs.filter(({ State }) => State === 'passed').length;
    const failed = specs.length - passed;
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The file that names where upstream's images come from. */
function repositories(folder: string): string {
  return join(folder, 'images.yaml');
}

async function runSuite(name: string, suite: ConformanceSuite, context: Context): Promise<readonly SpecReport[]> {
  const all = await ginkgo('list', { flags: ['--ginkgo.dry-run', ...selection(suite)], context });
  const titles = all.map(titleOf);
  // A spec that tells what it waits for takes about a minute.
  console.log(`${titles.length} specs … about ${Math.ceil(titles.length / suite.shards)} min`);
  const serial = titles.filter((title) => title.includes('[Serial]'));
  const shared = titles.filter((title) => !serial.includes(title));
  const shards = Array.from({ length: suite.shards }, (_, shard) =>
    shared.filter((_title, index) => index % suite.shards === shard),
  );
  const specs = [
    ...(await Promise.all(shards.map((own, shard) => runSpecs(`shard-${shard}`, own, context)))).flat(),
    ...(await runSpecs('serial', serial, context)),
  ];
  for (const spec of specs) {
    const why = spec.State === 'passed' ? '' : ` – ${spec.Failure?.Message?.split('\n')[0] ?? spec.State}`;
    console.log(`${spec.State === 'passed' ? 'ok' : 'FAILED'} ${name}: ${titleOf(spec)}${why}`);
  }
  return specs;
}

function selection({ focus, skip }: ConformanceSuite): readonly string[] {
  return [`--ginkgo.focus=${focus}`, ...Object.keys(skip).map((expression) => `--ginkgo.skip=${expression}`)];
}

async function runSpecs(name: string, titles: readonly string[], context: Context): Promise<readonly SpecReport[]> {
  if (titles.length === 0) return [];
  return await ginkgo(name, { flags: titles.map((title) => `--ginkgo.focus=${escaped(title)}$`), context });
}

/** Runs the program and reads what became of the specs that were not left out. */
async function ginkgo(
  name: string,
  { flags, context: { program, folder, lab } }: { readonly flags: readonly string[]; readonly context: Context },
): Promise<readonly SpecReport[]> {
  const report = join(folder, `${name}.json`);
  const common = [
    `--kubeconfig=${lab.kubeconfig}`,
    '--provider=local',
    `--num-nodes=${lab.nodes.length}`,
    `--ginkgo.json-report=${report}`,
    '--ginkgo.timeout=60m',
    '--ginkgo.no-color',
  ];
  const done = await run(program, [...common, ...flags], {
    env: { KUBE_TEST_REPO_LIST: repositories(folder) },
    allowFailure: true,
  });
  writeFileSync(join(tmpdir(), `conformance-${name}.log`), done.stdout + done.stderr);
  // The shape is Ginkgo's `types.Report`.
  const [suite] = JSON.parse(readFileSync(report, 'utf8')) as [{ SpecReports: readonly SpecReport[] }];
  return suite.SpecReports.filter(({ LeafNodeType, State }) => LeafNodeType === 'It' && State !== 'skipped');
}

function titleOf({ ContainerHierarchyTexts: containers, LeafNodeText: leaf }: SpecReport): string {
  return [...(containers ?? []), leaf].join(' ');
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

process.exitCode = await alone(main, 'testing').catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.log('0 passed, 1 failed');
  return 1;
});

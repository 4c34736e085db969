/** Kubernetes' own suites, which Ginkgo runs: each spec by one of several processes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabHandle } from '../lab/handle.ts';
import { kubeletsOf } from '../lab/state.ts';
import { buildKubernetesSuite } from './build.ts';
import { provideImages } from './images.ts';
import { runLogged } from './logged.ts';
import type { GinkgoSuite, Place, Result } from './suites.ts';

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
  /** The file that names where upstream's images come from. */
  readonly repositories: string;
  readonly folder: string;
  readonly lab: LabHandle;
}

/** Runs the specs that a suite chooses. */
export async function runGinkgo(suite: GinkgoSuite, { lab, folder }: Place): Promise<readonly Result[]> {
  const { program, sources } = await buildKubernetesSuite();
  const repositories = join(folder, 'images.yaml');
  writeFileSync(repositories, 'promoterE2eRegistry: docker.io/library\n');
  await provideImages({ program, sources, repositories }, kubeletsOf(lab));
  const specs = await runSpecsOf(suite, { program, repositories, folder, lab });
  return specs.map((spec) => ({
    title: titleOf(spec),
    ...(spec.State === 'passed' ? {} : { failure: spec.Failure?.Message?.split('\n')[0] ?? spec.State }),
  }));
}

/** Runs what a name stands for; those that must be alone come last. */
async function runSpecsOf(suite: GinkgoSuite, context: Context): Promise<readonly SpecReport[]> {
  const all = await ginkgo('list', { flags: ['--ginkgo.dry-run', ...selection(suite)], context });
  const titles = all.filter(({ State }) => State !== 'skipped').map(titleOf);
  // A spec that tells what it waits for takes about a minute.
  console.log(`${titles.length} specs … about ${Math.ceil(titles.length / suite.shards)} min`);
  const serial = titles.filter((title) => title.includes('[Serial]'));
  const shared = titles.filter((title) => !serial.includes(title));
  const shards = Array.from({ length: suite.shards }, (_, shard) =>
    shared.filter((_title, index) => index % suite.shards === shard),
  );
  return [
    ...(await Promise.all(shards.map((own, shard) => runSpecs(`shard-${shard}`, own, context)))).flat(),
    ...(await runSpecs('serial', serial, context)),
  ];
}

function selection({ focus, skip }: GinkgoSuite): readonly string[] {
  return [`--ginkgo.focus=${focus}`, ...Object.keys(skip).map((expression) => `--ginkgo.skip=${expression}`)];
}

/** What became of specs. One that leaves itself out, since it finds too little here, has not passed. */
async function runSpecs(name: string, titles: readonly string[], context: Context): Promise<readonly SpecReport[]> {
  if (titles.length === 0) return [];
  const all = await ginkgo(name, { flags: titles.map((title) => `--ginkgo.focus=${escaped(title)}$`), context });
  return all.filter((spec) => titles.includes(titleOf(spec)));
}

/** Runs the program and reads what became of all specs; those that were left out are `skipped`. */
async function ginkgo(
  name: string,
  {
    flags,
    context: { program, repositories, folder, lab },
  }: { readonly flags: readonly string[]; readonly context: Context },
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
  await runLogged(name, [program, ...common, ...flags], { KUBE_TEST_REPO_LIST: repositories });
  // The shape is Ginkgo's `types.Report`.
  const [suite] = JSON.parse(readFileSync(report, 'utf8')) as [{ SpecReports: readonly SpecReport[] }];
  return suite.SpecReports.filter(({ LeafNodeType }) => LeafNodeType === 'It');
}

function titleOf({ ContainerHierarchyTexts: containers, LeafNodeText: leaf }: SpecReport): string {
  return [...(containers ?? []), leaf].join(' ');
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

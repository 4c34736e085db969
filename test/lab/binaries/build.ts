/** Builds the lab's programs from Go modules into the cache; each appears whole or not at all. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../command.ts';
import { binariesDir, binary, kubernetesVersion } from '../paths.ts';
import { alone } from '../lock.ts';
import { say, step } from '../progress.ts';
import { goModules } from './programs.ts';
import type { GoModule, GoProgram } from './programs.ts';

/**
 * Builds what is missing of the named programs (all that are not lazy, when none is named). Interrupted, it continues
 * next time where it stopped: Go's own build cache keeps the packages, a finished program is renamed into place.
 */
export async function buildBinaries(names: readonly string[] = []): Promise<void> {
  if (missingOf(names).length > 0) await alone(() => buildMissing(names), 'building');
}

interface Missing {
  readonly module: GoModule;
  readonly programs: readonly GoProgram[];
}

function missingOf(names: readonly string[]): readonly Missing[] {
  const isMissing = (program: GoProgram): boolean => isWanted(program, names) && !existsSync(binary(program.name));
  return goModules(kubernetesVersion())
    .map((module) => ({ module, programs: module.programs.filter(isMissing) }))
    .filter(({ programs }) => programs.length > 0);
}

async function buildMissing(names: readonly string[]): Promise<void> {
  // Another process may have built them meanwhile.
  const wanted = missingOf(names);
  const missing = wanted.flatMap(({ programs }) => programs);
  if (missing.length === 0) return;
  const total = missing.reduce((sum, program) => sum + program.seconds, 0);
  say(`Building ${missing.length} programs from Go modules, once: about ${Math.ceil(total / 60)} min on two cores`);
  mkdirSync(join(binariesDir(), 'bin'), { recursive: true });
  removeUnfinished();
  for (const { module, programs } of wanted) {
    const dir = await step(`prepare ${module.name} ${module.version}`, 5, () => prepareModule(module));
    for (const program of programs)
      await step(`build ${program.name}`, program.seconds, () => buildProgram(module, program, dir));
  }
}

/** What an interrupted build left half-written; one that still runs has its number in the name. */
function removeUnfinished(): void {
  for (const file of readdirSync(join(binariesDir(), 'bin'))) {
    const builder = /\.building-(\d+)$/.exec(file)?.[1];
    if (builder !== undefined && !existsSync(`/proc/${builder}`)) rmSync(join(binariesDir(), 'bin', file));
  }
}

function isWanted(program: GoProgram, names: readonly string[]): boolean {
  return names.length === 0 ? program.lazy !== true : names.includes(program.name);
}

/** Writes the module's go.mod. `-mod=mod` lets the build itself complete it, from the required module's own go.mod. */
async function prepareModule(module: GoModule): Promise<string> {
  const dir = join(binariesDir(), 'modules', module.name);
  mkdirSync(dir, { recursive: true });
  const replaces = module.module === 'k8s.io/kubernetes' ? await stagingReplaces(module) : [];
  const lines = [`module lab/${module.name}`, '', 'go 1.26', '', `require ${module.module} ${module.version}`, ''];
  const text = `${[...lines, ...replaces].join('\n')}\n`;
  const stamp = join(dir, `.written-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`);
  if (!existsSync(stamp)) {
    writeFileSync(join(dir, 'go.mod'), text);
    writeFileSync(stamp, '');
  }
  return dir;
}

/** Kubernetes requires its staging modules at v0.0.0 and replaces them by folders: here by the published versions. */
export async function stagingReplaces(module: Pick<GoModule, 'module' | 'version'>): Promise<readonly string[]> {
  const info = await run('go', ['mod', 'download', '-json', `${module.module}@${module.version}`]);
  // The shape is documented in `go help mod download`.
  const { GoMod } = JSON.parse(info.stdout) as { GoMod: string };
  const edit = await run('go', ['mod', 'edit', '-json', GoMod]);
  const { Replace } = JSON.parse(edit.stdout) as {
    Replace: readonly { Old: { Path: string }; New: { Path: string } }[];
  };
  const version = module.version.replace(/^v1\./, 'v0.');
  return Replace.filter(({ New }) => New.Path.startsWith('./staging/')).map(
    ({ Old }) => `replace ${Old.Path} => ${Old.Path} ${version}`,
  );
}

async function buildProgram(module: GoModule, program: GoProgram, dir: string): Promise<void> {
  const partial = `${binary(program.name)}.building-${process.pid}`;
  const flags = ['build', '-mod=mod', '-trimpath', '-ldflags', `-s -w ${module.ldflags ?? ''}`, '-o', partial];
  const tags = module.tags === undefined ? [] : ['-tags', module.tags];
  await run('go', [...flags, ...tags, program.package], {
    cwd: dir,
    env: {
      CGO_ENABLED: module.cgo === true ? '1' : '0',
      GOFLAGS: '-buildvcs=false',
      GOWORK: 'off',
      GOTOOLCHAIN: 'local',
    },
  });
  renameSync(partial, binary(program.name));
}

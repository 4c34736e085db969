/** Builds upstream's suites from Go modules into the cache, once for their versions and a source. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { stagingReplaces } from '../lab/binaries/build.ts';
import { run } from '../lab/command.ts';
import { cacheDir, kubernetesVersion } from '../lab/paths.ts';
import { step } from '../lab/progress.ts';

/** A Go module of its own in the cache: a test's source, and further programs of what it requires. */
interface GoSuite {
  readonly name: string;
  /** The test, which is all of it. */
  readonly source: string;
  /** Modules and versions. */
  readonly requires: Readonly<Record<string, string>>;
  /** Lines of `go.mod` besides. */
  readonly replaces: () => Promise<readonly string[]>;
  /** Package by the program's name. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly seconds: number;
}

const kubernetes = 'k8s.io/kubernetes';
const gatewayApi = 'sigs.k8s.io/gateway-api';
/** The version of the definitions that the chart brings is the same but for the last number. */
const GATEWAY_API_VERSION = 'v1.6.3';

/** The program with Kubernetes' own specs, and the folder of Kubernetes' sources; a build is about two minutes on two cores. */
export async function buildKubernetesSuite(): Promise<{ readonly program: string; readonly sources: string }> {
  const version = kubernetesVersion();
  const folder = await build({
    name: 'conformance',
    source: join(import.meta.dirname, 'suite', 'conformance_test.go'),
    requires: { [kubernetes]: version },
    replaces: async () => await stagingReplaces({ module: kubernetes, version }),
    seconds: 120,
  });
  return { program: join(folder, 'conformance'), sources: await sourcesOf(kubernetes, folder) };
}

/** Gateway API's own suite, what its pods run, and the folder of the manifests that it applies. */
export async function buildGatewaySuite(): Promise<{
  readonly program: string;
  readonly echo: string;
  readonly manifests: string;
}> {
  const folder = await build({
    name: 'gateway-conformance',
    source: join(import.meta.dirname, 'gateway-suite', 'gateway_test.go'),
    requires: { [gatewayApi]: GATEWAY_API_VERSION, [`${gatewayApi}/conformance`]: GATEWAY_API_VERSION },
    replaces: async () => [],
    programs: { echo: `${gatewayApi}/conformance/echo-basic` },
    seconds: 60,
  });
  return {
    program: join(folder, 'gateway-conformance'),
    echo: join(folder, 'echo'),
    manifests: await sourcesOf(`${gatewayApi}/conformance`, folder),
  };
}

/** The folder of a module's files, which one in the cache requires. */
async function sourcesOf(module: string, folder: string): Promise<string> {
  return (await run('go', ['list', '-mod=mod', '-m', '-f', '{{.Dir}}', module], { cwd: folder })).stdout.trim();
}

/** The folder with the built programs. */
async function build({ name, source, requires, replaces, programs = {}, seconds }: GoSuite): Promise<string> {
  const hash = createHash('sha256')
    .update(JSON.stringify([requires, programs]))
    .update(readFileSync(source));
  const folder = join(cacheDir, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(join(folder, name))) return folder;
  mkdirSync(folder, { recursive: true });
  copyFileSync(source, join(folder, basename(source)));
  const required = Object.entries(requires).map(([module, version]) => `require ${module} ${version}`);
  const lines = [`module lab/${name}`, '', 'go 1.26', '', ...required, '', ...(await replaces())];
  writeFileSync(join(folder, 'go.mod'), `${lines.join('\n')}\n`);
  const go = async (...args: readonly string[]): Promise<void> => {
    const env = { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false', GOWORK: 'off', GOTOOLCHAIN: 'local' };
    await run('go', args, { cwd: folder, env });
  };
  const small = ['-mod=mod', '-trimpath', '-ldflags', '-s -w'];
  const partial = join(folder, `${name}.building-${process.pid}`);
  await step(`build ${name}`, seconds, async () => {
    for (const [program, path] of Object.entries(programs))
      await go('build', ...small, '-o', join(folder, program), path);
    await go('test', '-c', '-vet=off', ...small, '-o', partial, '.');
  });
  // The last one says that all are there.
  renameSync(partial, join(folder, name));
  return folder;
}

/** Builds upstream's suites from Go modules into the cache, once for their versions and a source. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
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
  /** A module of those required, and what each file of one of its folders is changed to. */
  readonly changed?: {
    readonly module: string;
    readonly folder: string;
    readonly change: (text: string) => string;
  };
  readonly seconds: number;
}

const kubernetes = 'k8s.io/kubernetes';
const gatewayApi = 'sigs.k8s.io/gateway-api';
const policyApi = 'sigs.k8s.io/network-policy-api';
/** The version of the definitions that the chart brings is the same but for the last number. */
const GATEWAY_API_VERSION = 'v1.6.3';
/** That of the definition that the chart brings. */
const POLICY_API_VERSION = 'v0.3.0';

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

/**
 * The Network Policy API's own suite, with TCP in the place of SCTP, which the lab's kernel has no sockets of; and the folder of the
 * manifests that it applies.
 */
export async function buildPolicySuite(): Promise<{ readonly program: string; readonly manifests: string }> {
  const folder = await build({
    name: 'policy-conformance',
    source: join(import.meta.dirname, 'policy-suite', 'policy_test.go'),
    requires: { [policyApi]: POLICY_API_VERSION },
    replaces: async () => [],
    changed: { module: policyApi, folder: 'conformance', change: withoutSctp },
    seconds: 60,
  });
  return {
    program: join(folder, 'policy-conformance'),
    manifests: join(await sourcesOf(policyApi, folder), 'conformance'),
  };
}

/** What the suite's manifests and tests say of SCTP, said of TCP. The names of its tests stay. */
function withoutSctp(text: string): string {
  return text
    .replaceAll('- sctp:', '- tcp:')
    .replaceAll('SERVE_SCTP_PORT_', 'SERVE_PORT_')
    .replaceAll('"sctp"', '"tcp"')
    .replaceAll(/\bSCTP: &/g, 'TCP: &')
    .replaceAll(/\.SCTP\b/g, '.TCP');
}

/** The folder of a module's files, which one in the cache requires. */
async function sourcesOf(module: string, folder: string): Promise<string> {
  return (await run('go', ['list', '-mod=mod', '-m', '-f', '{{.Dir}}', module], { cwd: folder })).stdout.trim();
}

/** The folder with the built programs. */
async function build({ name, source, requires, replaces, changed, programs = {}, seconds }: GoSuite): Promise<string> {
  const hash = createHash('sha256')
    .update(JSON.stringify([requires, programs, ...(changed === undefined ? [] : [String(changed.change)])]))
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
  if (changed !== undefined)
    await go('mod', 'edit', `-replace=${changed.module}=${await changedCopy(changed, folder)}`);
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

/** A copy of a module's files beside what is built of it, changed. */
async function changedCopy(
  { module, folder, change }: NonNullable<GoSuite['changed']>,
  beside: string,
): Promise<string> {
  const copy = join(beside, 'changed');
  cpSync(await sourcesOf(module, beside), copy, { recursive: true });
  for (const file of readdirSync(join(copy, folder), { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name);
    if (!file.isFile()) continue;
    // What Go keeps of a module, nobody may write to.
    chmodSync(path, 0o644);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }
  return copy;
}

/** Builds the upstream suites' program from Go modules into the cache, once for a Kubernetes version and a source. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stagingReplaces } from '../lab/binaries/build.ts';
import { run } from '../lab/command.ts';
import { cacheDir, kubernetesVersion } from '../lab/paths.ts';
import { step } from '../lab/progress.ts';

const source = join(import.meta.dirname, 'suite', 'conformance_test.go');
const kubernetes = 'k8s.io/kubernetes';

/** The program's path; a build is about two minutes on two cores. */
export async function buildSuite(): Promise<string> {
  const version = kubernetesVersion();
  const hash = createHash('sha256').update(version).update(readFileSync(source)).digest('hex').slice(0, 12);
  const dir = join(cacheDir, `conformance-${hash}`);
  const program = join(dir, 'conformance');
  if (existsSync(program)) return program;
  mkdirSync(dir, { recursive: true });
  copyFileSync(source, join(dir, 'conformance_test.go'));
  const replaces = await stagingReplaces({ module: kubernetes, version });
  const lines = ['module lab/conformance', '', 'go 1.26', '', `require ${kubernetes} ${version}`, '', ...replaces];
  writeFileSync(join(dir, 'go.mod'), `${lines.join('\n')}\n`);
  const partial = `${program}.building-${process.pid}`;
  const environment = { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false', GOWORK: 'off', GOTOOLCHAIN: 'local' };
  await step('build the upstream suites', 120, () =>
    run('go', ['test', '-c', '-mod=mod', '-vet=off', '-trimpath', '-ldflags', '-s -w', '-o', partial, '.'], {
      cwd: dir,
      env: environment,
    }),
  );
  renameSync(partial, program);
  return program;
}

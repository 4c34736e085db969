/**
 * Brings what the project needs, on a machine that has only Debian 12, Node ≥ 20 and Go ≥ 1.26; every npm script that
 * needs any of it calls this first. Plain JavaScript without imports from the project: nothing may be installed yet.
 * Once all is in place it costs a few file reads.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Debian package → a file that it brings. A file is looked for, not the package: another source of it is as good. */
const packages = {
  bird2: '/usr/sbin/bird',
  'busybox-static': '/bin/busybox',
  conntrack: '/usr/sbin/conntrack',
  'containernetworking-plugins': '/usr/lib/cni/host-local',
  e2fsprogs: '/sbin/mkfs.ext4',
  frr: '/usr/lib/frr/bgpd',
  gcc: '/usr/bin/gcc',
  haproxy: '/usr/sbin/haproxy',
  iproute2: '/sbin/ip',
  'iputils-ping': '/usr/bin/ping',
  'libc6-dev': '/usr/include/stdlib.h',
  'libseccomp-dev': '/usr/include/seccomp.h',
  mmdebstrap: '/usr/bin/mmdebstrap',
  nftables: '/usr/sbin/nft',
  openssl: '/usr/bin/openssl',
  'pkg-config': '/usr/bin/pkg-config',
  procps: '/sbin/sysctl',
  'redis-server': '/usr/bin/redis-server',
  socat: '/usr/bin/socat',
  tcpdump: '/usr/bin/tcpdump',
};

const { env } = process;
const problems = [debianProblem(), rootProblem(), nodeProblem(), goProblem()].filter(
  (problem) => problem !== undefined,
);
if (problems.length > 0) {
  for (const problem of problems) console.error(`setup: ${problem}`);
  process.exit(1);
}
// Ctrl-C ends this process by its own will, so that what was put in place for a while is taken away.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
await installPackages();
await installModules();

function debianProblem() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (process.platform === 'linux' && process.arch === 'x64' && /^VERSION_CODENAME=bookworm$/m.test(release))
    return undefined;
  return 'Debian 12 (bookworm) on x86-64 is needed. Mend: use such a machine, a virtual one will do.';
}

function rootProblem() {
  if (process.getuid?.() === 0) return undefined;
  return 'root is needed, for network namespaces and mounts of its own. Mend: run it as root (sudo -i).';
}

function nodeProblem() {
  if (Number(process.versions.node.split('.')[0]) >= 20) return undefined;
  return `Node.js 20 or later is needed, this is ${process.version}. Mend: https://nodejs.org/en/download.`;
}

/** `go version` takes 15 ms or more; the toolchain's VERSION file none. */
function goProblem() {
  const directory = (env.PATH ?? '').split(':').find((dir) => existsSync(join(dir, 'go')));
  const mend = 'Mend: install https://go.dev/dl/ to /usr/local/go and put /usr/local/go/bin on PATH.';
  if (directory === undefined) return `Go 1.26 or later is needed, there is no go on PATH. ${mend}`;
  const file = join(directory, '..', 'VERSION');
  const text = existsSync(file)
    ? readFileSync(file, 'utf8')
    : spawnSync(join(directory, 'go'), ['env', 'GOVERSION'], { encoding: 'utf8' }).stdout;
  const [, major = '0', minor = '0'] = /go(\d+)\.(\d+)/.exec(text) ?? [];
  if (Number(major) > 1 || Number(minor) >= 26) return undefined;
  return `Go 1.26 or later is needed, ${join(directory, 'go')} is ${text.split('\n')[0]}. ${mend}`;
}

async function installPackages() {
  const missing = Object.entries(packages).filter(([, file]) => !existsSync(file));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name);
  // A package's service would listen on the machine; the project starts its own, where and when it needs them.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const stop = () => {
    if (ours) rmSync(policy, { force: true });
  };
  process.once('exit', stop);
  env.DEBIAN_FRONTEND = 'noninteractive';
  try {
    // An installation that was interrupted is finished first; else it takes no time.
    await step('packages left half-installed', 1, 'dpkg', ['--configure', '-a']);
    await step('package lists', 10, 'apt-get', ['-qq', 'update']);
    const flags = ['-qq', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', 'install'];
    await step(`packages ${names.join(' ')}`, 20 + 3 * names.length, 'apt-get', [...flags, ...names]);
  } finally {
    stop();
  }
}

/** npm leaves a copy of the lock file in node_modules; ours beside it says which one was installed to the end. */
async function installModules() {
  const stamp = join(root, 'node_modules', '.installed-lock');
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const has = (file) => existsSync(join(root, 'node_modules', file));
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  if (has('.package-lock.json') && has('.bin/node') && installedMatches()) {
    writeFileSync(stamp, lock);
    return;
  }
  rmSync(stamp, { force: true });
  await step('modules, with the Node the project runs on', 30, 'npm', ['ci', '--no-audit', '--no-fund']);
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, lock);
}

/** Is what is installed exactly what the lock file says, but for packages of other platforms? npm may have been run by hand. */
function installedMatches() {
  const locked = packagesOf('package-lock.json');
  const [have, may] = [versions(packagesOf('node_modules/.package-lock.json')), versions(locked)];
  const must = versions(locked.filter(([, entry]) => entry.optional !== true));
  return [...must].every((name) => have.has(name)) && [...have].every((name) => may.has(name));
}

function packagesOf(file) {
  return Object.entries(JSON.parse(readFileSync(join(root, file), 'utf8')).packages).filter(([name]) => name !== '');
}

function versions(entries) {
  return new Set(entries.map(([name, entry]) => `${name}@${entry.version}`));
}

/** Runs a command quietly, with its title, an estimate and the time that it took; prints its output when it fails. */
function step(title, estimateSeconds, command, args) {
  const started = Date.now();
  const seconds = () => ((Date.now() - started) / 1000).toFixed(1);
  const tty = process.stderr.isTTY === true;
  process.stderr.write(`  ${title} … about ${estimateSeconds} s${tty ? '' : '\n'}`);
  const show = () => process.stderr.write(`\r\x1b[K  ${title} … ${seconds()} of about ${estimateSeconds} s`);
  const timer = tty ? setInterval(show, 500) : undefined;
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => output.push(Buffer.from(error.message)));
    child.on('close', (code) => {
      clearInterval(timer);
      process.stderr.write(
        `${tty ? '\r\x1b[K' : ''}  ${title}: ${code === 0 ? 'done in' : 'failed after'} ${seconds()} s\n`,
      );
      if (code !== 0) {
        process.stderr.write(Buffer.concat(output));
        process.exit(1);
      }
      resolve();
    });
  });
}

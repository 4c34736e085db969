/** The lab itself: reached from the machine, on and off without a trace, and no harm from a kill at a bad moment. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../lab/command.ts';
import { waitFor } from '../lab/handle.ts';
import type { LabHandle } from '../lab/handle.ts';
import { binary } from '../lab/paths.ts';
import { freePort } from '../lab/relay.ts';
import type { Reporter } from './reporter.ts';

/** Run by `npm run e2e -- lab`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await reachedFromTheMachine(lab, report);
  await withoutATrace(report);
}

async function reachedFromTheMachine(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace('lab-suite');
  const serve = 'mkdir /www; echo served > /www/index.html; echo started; exec httpd -f -p 8080 -h /www';
  const container = {
    name: 'web',
    image: 'docker.io/library/busybox:lab',
    imagePullPolicy: 'Never',
    command: ['sh', '-c', serve],
  };
  const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
  await lab.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'lab-suite' }, spec }]);
  await report.check('a pod becomes Ready', () => lab.podsReady('lab-suite', ['web']));
  const said = await lab.execInPod({ namespace: 'lab-suite', name: 'web' }, ['hostname']);
  report.equal('kubectl exec works', said.stdout, 'web\n');
  report.equal('kubectl logs works', await lab.kubectl(['logs', '-n', 'lab-suite', 'web']), 'started\n');
  await report.check('kubectl port-forward works', () => portForward(lab));
  const hosts = await Promise.all(lab.nodes.map((node) => lab.exec(node, ['hostname'])));
  report.equal(
    'exec runs on each node',
    hosts.map(({ stdout }) => stdout.trim()),
    lab.nodes,
  );
  const outside = await lab.exec('out', ['ping', '-c', '1', '-W', '2', lab.address('n1')]);
  report.equal('the machine outside reaches a node on the underlay', outside.code, 0);
}

async function portForward(lab: LabHandle): Promise<void> {
  const port = await freePort();
  const args = ['--kubeconfig', lab.kubeconfig, 'port-forward', '-n', 'lab-suite', 'pod/web', `${port}:8080`];
  const forward = spawn(binary('kubectl'), args, { stdio: 'ignore' });
  try {
    await waitFor('an answer through port-forward', async () => (await httpGet(port)).includes('served'), {
      timeoutMs: 15_000,
    });
  } finally {
    forward.kill();
  }
}

function httpGet(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

/** In a copy of the checkout, whose lab is another one: this one keeps running beside it. */
async function withoutATrace(report: Reporter): Promise<void> {
  const copy = copyOfTheCheckout();
  const before = traces(copy);
  try {
    const first = spawn(process.execPath, [join(copy, 'test/lab/main.ts'), 'up', '--bare', '--nodes', '1'], {
      stdio: 'ignore',
    });
    await waitFor('the second lab to be half up', async () => existsSync(join(copy, '.lab/machines/cp/ready')));
    first.kill('SIGKILL');
    await report.check('up works after a kill -9 of up', () => bareUp(copy));
    await report.check('its node registers', async () => {
      const nodes = await run(binary('kubectl'), [
        '--kubeconfig',
        join(copy, '.lab/kubeconfig'),
        'get',
        'nodes',
        '-o',
        'name',
      ]);
      if (nodes.stdout !== 'node/n1\n') throw new Error(nodes.stdout);
    });
    report.equal('a second up changes nothing', await processesOf(copy), await afterSecondUp(copy));
  } finally {
    await run(process.execPath, [join(copy, 'test/lab/main.ts'), 'down'], { allowFailure: true });
  }
  report.equal('down leaves no namespace, mount, control group or folder', traces(copy), before);
  report.equal('down leaves no process', await processesOf(copy), []);
  report.equal('down leaves no state', existsSync(join(copy, '.lab')), false);
  rmSync(copy, { recursive: true });
}

async function afterSecondUp(copy: string): Promise<readonly string[]> {
  await bareUp(copy);
  return processesOf(copy);
}

async function bareUp(copy: string): Promise<void> {
  await run(process.execPath, [join(copy, 'test/lab/main.ts'), 'up', '--bare', '--nodes', '1']);
}

function copyOfTheCheckout(): string {
  const root = join(import.meta.dirname, '..', '..');
  const copy = mkdtempSync(join(tmpdir(), 'oclab-copy-'));
  cpSync(join(root, 'test', 'lab'), join(copy, 'test', 'lab'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc', 'Dockerfile'])
    cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** What a lab could leave on the machine. The machine's own links and mounts, and folders that Kubernetes would make. */
function traces(copy: string): object {
  // Its machines' names, as test/lab/names.ts makes them for that checkout: other labs may come and go meanwhile.
  const prefix = `oclab-${createHash('sha256').update(copy).digest('hex').slice(0, 4)}-`;
  return {
    netns: list('/run/netns').filter((name) => name.startsWith(prefix)),
    links: list('/sys/class/net'),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => !line.includes('/run/netns')).length,
    groups: list('/sys/fs/cgroup').flatMap((name) =>
      list(join('/sys/fs/cgroup', name)).filter((group) => group.startsWith(prefix)),
    ),
    folders: [
      '/etc/cni',
      '/opt/cni',
      '/var/lib/kubelet',
      '/var/lib/containerd',
      '/var/lib/opencontrail',
      '/run/containerd',
    ].filter(existsSync),
    forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
  };
}

function list(dir: string): readonly string[] {
  return existsSync(dir) ? readdirSync(dir).sort() : ['absent'];
}

/** Processes that name the copy: its machines, programs and relays. One that has just been killed may still be listed. */
async function processesOf(copy: string): Promise<readonly string[]> {
  await sleep(300);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => `${pid} ${commandLine(pid)}`)
    .filter((line) => line.includes(`${copy}/.lab`))
    .map((line) => line.split('\0')[0] ?? '')
    .sort();
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It ended while we looked.
  }
}

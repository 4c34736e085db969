/** The vRouter's program on the nodes of a lab, with a real config API on a real Redis outside of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContrailObject } from '../../../contrail/objects.ts';
import { tapName, uuidOf } from '../../../contrail/names.ts';
import { eventually } from '../../kubernetes/eventually.ts';
import { type TestWorld, vmiOf, worldObjects } from '../config.ts';
import { createLab, inNamespace, type Lab } from './nodes.ts';

const API = 'http://192.0.2.9:8082';
const TOKEN = 'secret';
/** Generous: it only ends what has failed, also on a machine with much else to do. */
const PATIENCE_MS = 60_000;
const CALL = [process.execPath, '--no-warnings', 'test/vrouter/programs/call.ts'] as const;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

export interface ProgramLab {
  readonly lab: Lab;
  /** Asks a node's port API. */
  readonly call: (node: string, method: string, path: string, body?: string) => Promise<Answer>;
  /** Waits until a node's port API answers so. */
  readonly untilAnswers: (node: string, path: string, status?: number) => Promise<void>;
  /** Writes objects into the config API. */
  readonly create: (objects: readonly ContrailObject[]) => Promise<void>;
  readonly startVrouter: (node: string) => void;
  /** Ends it at once, and resolves when it has ended. */
  readonly killVrouter: (node: string) => Promise<void>;
  /** Runs a program on a node; it ends with the lab. */
  readonly program: (node: string, path: string, args: readonly string[]) => ChildProcess;
  readonly down: () => Promise<void>;
}

/** A lab of the world's nodes, each with a vRouter that is ready; its objects are in the config API, its pods are not made yet. */
export async function createProgramLab(prefix: string, world: TestWorld): Promise<ProgramLab> {
  const lab = await createLab(prefix, world.nodes);
  const folder = await mkdtemp(join(tmpdir(), `${prefix}-`));
  const programs: ChildProcess[] = [];
  const vrouters = new Map<string, ChildProcess>();
  const nodes = Object.keys(world.nodes);
  const program: ProgramLab['program'] = (node, path, args) => {
    const command = path.endsWith('.ts') ? [process.execPath, '--no-warnings', path] : [path];
    const words = ['netns', 'exec', `${lab.prefix}-${node}`, ...command, ...args];
    const child = spawn('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    // Not inherited: whoever waits for the end of this process's own output would wait for that of its programs, too.
    child.stderr.on('data', (chunk: Buffer) => void process.stderr.write(chunk));
    programs.push(child);
    return child;
  };
  const startVrouter = (node: string): void =>
    void vrouters.set(node, program(node, 'vrouter/main.ts', vrouterWords(node, join(folder, node))));
  const ask = async (where: string, words: readonly string[]): Promise<Answer> => {
    const { stdout, stderr } = await inNamespace(`${lab.prefix}-${where}`)([...CALL, ...words]);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Answer;
  };
  const call: ProgramLab['call'] = async (node, method, path, body = '{}') =>
    ask(node, [method, `http://127.0.0.1:9091${path}`, body]);
  const untilAnswers: ProgramLab['untilAnswers'] = async (node, path, status = 200) => {
    await eventually(async () => {
      const answer = await call(node, 'GET', path).catch(() => undefined);
      return answer?.status === status;
    }, PATIENCE_MS).catch((cause: unknown) => {
      throw new Error(`${node} never answered ${status} at ${path}`, { cause });
    });
  };
  const create: ProgramLab['create'] = async (objects) => {
    const asked = [...CALL, 'create', API, TOKEN] as const;
    const { code, stderr } = await inNamespace(`${lab.prefix}-out`)(asked, JSON.stringify(objects));
    if (code !== 0) throw new Error(stderr);
  };
  const down = async (): Promise<void> => {
    for (const child of programs) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    await lab.down();
    await rm(folder, { recursive: true, force: true });
  };
  const start = async (): Promise<void> => {
    await lab.addOutside('out', '192.0.2.9');
    program('out', 'redis-server', ['--port', '6379', '--bind', '127.0.0.1', '--save', '', '--loglevel', 'warning']);
    program('out', 'contrail/server/main.ts', configApiWords());
    await eventually(async () => ask('out', ['GET', API]).catch(() => undefined), PATIENCE_MS);
    await create([...worldObjects(world).values()]);
    for (const node of nodes) startVrouter(node);
    await Promise.all(nodes.map(async (node) => untilAnswers(node, '/readyz')));
  };
  await start().catch(async (error: unknown) => {
    await down();
    throw error;
  });
  return {
    lab,
    call,
    untilAnswers,
    create,
    startVrouter,
    async killVrouter(node) {
      const child = vrouters.get(node)!;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    program,
    down,
  };
}

/** The UUID of a test pod's machine. */
export const vmOf = (pod: string): string => uuidOf('virtual-machine', [`k8s__test__${pod}`]);

/** What the agent says of a pod's interface. */
export const binding = (pod: string): string =>
  JSON.stringify({
    'vm-id': 'sandbox',
    'vm-uuid': vmOf(pod),
    'vm-name': `k8s__test__${pod}`,
    'host-ifname': tapName(vmiOf(pod)),
    'vn-uuid': '',
    'vmi-uuid': vmiOf(pod),
  });

function vrouterWords(node: string, folder: string): readonly string[] {
  const api = ['--node', node, '--contrail-api', API, '--contrail-token', TOKEN];
  const folders = ['--port-dir', `${folder}/ports`, '--state-dir', `${folder}/state`];
  return [...api, ...folders, '--verify-interval', '0.5', '--log-level', 'error'];
}

function configApiWords(): readonly string[] {
  const where = ['--listen', API.replace('http://', ''), '--redis', 'redis://127.0.0.1:6379/0'];
  return [...where, '--token', TOKEN, '--rebuild', 'off'];
}

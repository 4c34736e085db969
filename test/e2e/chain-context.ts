/** What the parts of the suite `chains` share: its ends, questions between them, and waiting for instances. */
import { join } from 'node:path';
import type { LabHandle } from '../lab/handle.ts';
import type { End } from './chain-counts.ts';
import { NAMESPACE } from './chain-pods.ts';
import { expectDial } from './dial.ts';
import type { Reporter } from './reporter.ts';

/** Where servers answer over HTTP. */
export const PORT = 8080;
/** Connections per second of a load. */
export const RATE = 200;

/** Clients inside and servers outside, on different nodes and on one. */
export interface Context {
  readonly lab: LabHandle;
  readonly report: Reporter;
  readonly client: End;
  readonly other: End;
  /** On the other's node. */
  readonly server: End;
  readonly near: End;
}

/** Reports whether an end reaches another at one of its addresses. */
export async function reaches(
  context: Context,
  [from, to]: readonly [from: End, to: End],
  { address = to.v4, as = address, passes = true }: { address?: string; as?: string; passes?: boolean } = {},
): Promise<void> {
  const want = passes ? to.name : undefined;
  await expectDial({ namespace: NAMESPACE, name: from.name }, { what: `${to.name}, ${as}`, address, want }, context);
}

/** Waits until the chain says how many pods work for its services. */
export async function instancesAre({ lab }: Pick<Context, 'lab'>, wanted: string): Promise<void> {
  const args = ['get', 'chain', 'inspect', '-n', NAMESPACE, '-o', 'jsonpath={.status.instances}'];
  await lab.waitFor(`instances ${wanted}`, async () => (await lab.kubectl(args)) === wanted, { timeoutMs: 120_000 });
}

interface Load {
  readonly sent: number;
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** Asks a server from a client's own network namespace, each time by a new connection. */
export async function load({ lab, client, server }: Context, seconds: number): Promise<Load> {
  const program = join(import.meta.dirname, 'programs', 'requests.ts');
  const url = `http://${server.v4}:${PORT}/hostname`;
  const asking = [process.execPath, '--no-warnings', program, url, `${RATE}`, `${seconds}`];
  const { stdout, stderr } = await lab.exec(client.node, ['ip', 'netns', 'exec', client.netns, ...asking]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Load;
}

/** What a pod's shell says to a command. */
export async function said(lab: LabHandle, { name }: End, script: string): Promise<string> {
  const { stdout } = await lab.execInPod({ namespace: NAMESPACE, name, container: 'shell' }, ['sh', '-c', script]);
  return stdout.trim();
}

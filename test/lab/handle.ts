/** What a suite or a demonstration does with a running lab: kubectl, commands on machines and in pods, waiting. */
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './command.ts';
import type { Output, RunOptions } from './command.ts';
import { machineCommand } from './machine.ts';
import { underlay } from './names.ts';
import { binary, checkout, labDir } from './paths.ts';
import { type Stack, underlayAddress } from './stack.ts';
import { readState } from './state.ts';

/** A pod, and the container in it when it has several. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly container?: string;
}

/** A namespace to create: its opencontrail.org annotations and labels. */
export interface NamespaceOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** `timeoutMs` default 60 000, `everyMs` default 250. */
export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/** A running lab. Whatever throws, throws an Error that carries the command and its stderr. */
export interface LabHandle {
  /** Kubernetes' names of the nodes: `n1`, `n2`, …; they are also the machines' names for `exec`. */
  readonly nodes: readonly string[];
  /** Whether the control plane's machine is a node, too; it takes no ordinary pods, and is not among `nodes`. */
  readonly hasControlNode: boolean;
  readonly kubeconfig: string;
  readonly checkout: string;
  /** The families that it has. */
  readonly stack: Stack;
  /** The underlay address of `cp`, `out` or a node. */
  address(machine: string): string;
  /** Runs kubectl and returns its stdout. */
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs kubectl and returns code, stdout and stderr: for what may be refused. */
  tryKubectl(args: readonly string[], options?: RunOptions): Promise<Output>;
  /** `kubectl get … -o json`, parsed; `T` is the caller's claim about the shape. `undefined` when it is not found. */
  get<T>(args: readonly string[]): Promise<T | undefined>;
  /** Applies a manifest: YAML text, or objects. Server-side errors throw. */
  apply(manifest: string | readonly object[]): Promise<void>;
  /** Runs a command in a pod by `kubectl exec`; a non-zero code is an answer. */
  execInPod(pod: PodRef, command: readonly string[], options?: RunOptions): Promise<Output>;
  /** Runs a command as root in all namespaces of a machine (`cp`, `out`, `n1`, …); a non-zero code is an answer. */
  exec(machine: string, command: readonly string[], options?: RunOptions): Promise<Output>;
  /** Asks `probe` until it answers something truthy; an error counts as "not yet" and is named when time runs out. */
  waitFor<T>(what: string, probe: () => Promise<T | undefined | false>, options?: WaitOptions): Promise<T>;
  /** Creates a namespace with its default service account; it is deleted by `cleanup`. */
  createNamespace(name: string, options?: NamespaceOptions): Promise<void>;
  /** Waits until the named pods (all of the namespace, when none is named) are Ready. */
  podsReady(namespace: string, names?: readonly string[], options?: WaitOptions): Promise<void>;
  /** Runs later, in reverse order, whatever happens to the suite. */
  onCleanup(undo: () => Promise<unknown>): void;
  /** Deletes what `createNamespace` made and runs `onCleanup`'s. Called by the runner after each suite. */
  cleanup(): Promise<void>;
}

/** A handle on the lab of this checkout. Throws when no lab is up. */
export function openLab(): LabHandle {
  const state = readState();
  if (state === undefined) throw new Error('no lab is up: npm run lab -- up');
  const { stack } = state;
  const undo: (() => Promise<unknown>)[] = [];
  const kube = kubectlOf(`${labDir}/kubeconfig`);
  const handle: LabHandle = {
    nodes: state.nodes,
    hasControlNode: state.hasControlNode,
    kubeconfig: `${labDir}/kubeconfig`,
    checkout,
    stack,
    address: (machine) => underlayAddress(machine, stack),
    kubectl: async (args, options) => (await kube(args, options)).stdout,
    tryKubectl: (args, options) => kube(args, { ...options, allowFailure: true }),
    get: (args) => getJson(kube, args),
    apply: async (manifest) => {
      await kube(['apply', '-f', '-'], { input: manifestText(manifest) });
    },
    execInPod: (pod, command, options) =>
      kube(['exec', '-n', pod.namespace, pod.name, ...containerFlag(pod), '--', ...command], {
        ...options,
        allowFailure: true,
      }),
    exec: (machine, command, options) => {
      const [program, ...args] = machineCommand(machine, command);
      return run(program, args, { ...options, allowFailure: true });
    },
    waitFor,
    createNamespace: async (name, options) => {
      undo.push(() => kube(['delete', 'namespace', name, '--ignore-not-found', '--wait=false', '--now']));
      await createNamespace(kube, name, options);
    },
    podsReady: (namespace, names, options) =>
      waitFor(`pods of ${namespace} to be Ready`, () => podsReady(kube, namespace, names), {
        timeoutMs: 120_000,
        ...options,
      }).then(() => undefined),
    onCleanup: (action) => undo.push(action),
    cleanup: async () => {
      for (const action of undo.splice(0).reverse()) await action();
    },
  };
  return handle;
}

/** The address of the machine outside the cluster, on the same underlay. */
export const outsideAddress = underlay.outside;

/** Asks until the answer is truthy, and says what was waited for when it is not in time. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  options: WaitOptions = {},
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 60_000);
  let last = '';
  for (;;) {
    const answer = await probe().catch((error: unknown) => {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
      return undefined;
    });
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${options.timeoutMs ?? 60_000} ms in vain for ${what}${last}`);
    await sleep(options.everyMs ?? 250);
  }
}

type Kubectl = (args: readonly string[], options?: RunOptions) => Promise<Output>;

/** kubectl with the lab's kubeconfig. */
export function kubectlOf(kubeconfig: string): Kubectl {
  return (args, options) => run(binary('kubectl'), ['--kubeconfig', kubeconfig, ...args], options);
}

async function getJson<T>(kube: Kubectl, args: readonly string[]): Promise<T | undefined> {
  const output = await kube(['get', ...args, '--ignore-not-found', '-o', 'json']);
  return output.stdout.trim() === '' ? undefined : (JSON.parse(output.stdout) as T);
}

async function createNamespace(kube: Kubectl, name: string, options: NamespaceOptions = {}): Promise<void> {
  const metadata = { name, annotations: options.annotations ?? {}, labels: options.labels ?? {} };
  await waitFor(
    `an earlier namespace ${name} to be gone`,
    async () =>
      (await getJson<{ metadata: { deletionTimestamp?: string } }>(kube, ['namespace', name]))?.metadata
        .deletionTimestamp === undefined,
    { timeoutMs: 120_000 },
  );
  await kube(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata }) });
  await waitFor('the default service account', () => getJson(kube, ['serviceaccount', 'default', '-n', name]));
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

async function podsReady(kube: Kubectl, namespace: string, names: readonly string[] = []): Promise<boolean> {
  const list = await getJson<PodList>(kube, ['pods', '-n', namespace]);
  const concerned = (list?.items ?? []).filter(({ metadata }) => names.length === 0 || names.includes(metadata.name));
  const isReady = (pod: PodList['items'][number]): boolean =>
    (pod.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
  const waiting = concerned.filter((pod) => !isReady(pod)).map(({ metadata }) => metadata.name);
  if (waiting.length > 0) throw new Error(`not Ready: ${waiting.slice(0, 5).join(', ')}`);
  return concerned.length >= Math.max(1, names.length);
}

function manifestText(manifest: string | readonly object[]): string {
  return typeof manifest === 'string' ? manifest : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifest });
}

function containerFlag(pod: PodRef): readonly string[] {
  return pod.container === undefined ? [] : ['-c', pod.container];
}

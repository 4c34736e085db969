/** The plugin from stdin to exit code, with its edges injected. */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  CNI_VERSIONS,
  type CniError,
  type CniRequest,
  DEFAULT_RELEASE_DIR,
  DEFAULT_SOCKET,
  ERROR_CODES,
  SERVING_FILE,
  SERVING_GRACE_MS,
} from '../protocol.ts';
import { exchange } from './exchange.ts';
import { journalRelease } from './release.ts';
import { type Environment, invocationOf, isInvoked } from './skel.ts';

/** The process's edges: results go to `stdout`, prose to `stderr` (style 34). */
export interface PluginEdges {
  readonly env: Environment;
  readonly readStdin: () => string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** The kubelet gives a sandbox four minutes; the agent's own limits (60 s and 20 s) come first and explain themselves. */
const ADD_TIMEOUT_MS = 100_000;
/** A DEL that the agent does not take in this time is journalled instead. */
const DEL_TIMEOUT_MS = 30_000;

/** Runs one invocation and answers the exit code: 0 on success, 1 with an error object on stdout. */
export async function runPlugin(edges: PluginEdges): Promise<number> {
  const invocation = invocationOf(edges.env, isInvoked(edges.env) ? edges.readStdin() : '');
  switch (invocation.kind) {
    case 'about':
      edges.stderr(
        `opencontrail-cni: the CNI plugin of OpenContrail for Kubernetes\nCNI versions: ${CNI_VERSIONS.join(', ')}\n`,
      );
      return 0;
    case 'version':
      edges.stdout(`${JSON.stringify({ cniVersion: invocation.cniVersion, supportedVersions: CNI_VERSIONS })}\n`);
      return 0;
    case 'error':
      return fail(edges, invocation.cniVersion, invocation.error);
    case 'request':
      return ask(invocation.request, edges);
  }
}

async function ask(request: CniRequest, edges: PluginEdges): Promise<number> {
  const timeoutMs = request.command === 'DEL' ? DEL_TIMEOUT_MS : ADD_TIMEOUT_MS;
  const outcome = await exchange(request, socketOf(request), timeoutMs);
  if (outcome.kind === 'unreachable') return withoutAgent(request, outcome.reason, edges);
  switch (outcome.response.kind) {
    case 'result':
      edges.stdout(`${JSON.stringify(outcome.response.result)}\n`);
      return 0;
    case 'done':
      return 0;
    case 'error':
      if (request.command === 'DEL') return withoutAgent(request, outcome.response.error.msg, edges);
      return fail(edges, request.cniVersion, outcome.response.error);
  }
}

/** What each command answers when the agent does not: DEL and GC succeed, the others say when to come back. */
function withoutAgent(request: CniRequest, reason: string, edges: PluginEdges): number {
  const details = `${reason}; does the DaemonSet node of OpenContrail have a pod that runs here?`;
  switch (request.command) {
    case 'DEL': {
      const problem = journalRelease(request, textOr(request.config['releaseDir'], DEFAULT_RELEASE_DIR));
      edges.stderr(
        `opencontrail-cni: the release is ${problem === undefined ? 'journalled' : `lost (${problem})`}: ${reason}\n`,
      );
      return 0;
    }
    case 'GC':
      edges.stderr(`opencontrail-cni: nothing was collected: ${reason}\n`);
      return 0;
    case 'STATUS':
      if (servedRecently(dirname(socketOf(request)))) return 0;
      return fail(edges, request.cniVersion, {
        code: ERROR_CODES.unavailable,
        msg: 'the node agent does not answer',
        details,
      });
    case 'ADD':
    case 'CHECK':
      return fail(edges, request.cniVersion, {
        code: ERROR_CODES.tryAgainLater,
        msg: 'the node agent does not answer',
        details,
      });
  }
}

/** The folder is emptied by a reboot, so what it says is of this boot. */
function servedRecently(folder: string): boolean {
  const stat = statSync(join(folder, SERVING_FILE), { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < SERVING_GRACE_MS;
}

function socketOf(request: CniRequest): string {
  return textOr(request.config['socket'], DEFAULT_SOCKET);
}

function fail(edges: PluginEdges, cniVersion: string, error: CniError): number {
  edges.stdout(`${JSON.stringify({ cniVersion, ...error })}\n`);
  return 1;
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}

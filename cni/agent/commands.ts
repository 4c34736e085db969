/** One request to its command: the agent's table of what it can do, measured and logged once. */
import type { Histogram } from 'prom-client';
import { type CniCommand, type CniRequest, type CniResponse, ERROR_CODES, PROTOCOL_VERSION } from '../protocol.ts';
import { attach } from './attach.ts';
import { check } from './check.ts';
import { collect } from './collect.ts';
import type { AgentDeps } from './deps.ts';
import { detach } from './detach.ts';
import { CniFailure, cniErrorOf } from './failure.ts';

export interface CommandDeps {
  readonly agent: AgentDeps;
  readonly durations: Histogram<'command' | 'code'>;
  /** Why the node cannot serve, or `undefined`. */
  readonly unready: () => Promise<string | undefined>;
}

/** Answers requests; never throws. A DEL aborts an ADD of the same container interface that is still under way. */
export function createCommands(deps: CommandDeps): (request: CniRequest, signal: AbortSignal) => Promise<CniResponse> {
  const adds = new Map<string, AbortController>();
  return async (request, signal) => {
    const stop = deps.durations.startTimer({ command: request.command });
    const response = await answer(request, { ...deps, adds, signal });
    const code = response.kind === 'error' ? response.error.code : 0;
    stop({ code: String(code) });
    logOutcome(request, response, deps.agent);
    return response;
  };
}

type Context = CommandDeps & { readonly adds: Map<string, AbortController>; readonly signal: AbortSignal };

async function answer(request: CniRequest, context: Context): Promise<CniResponse> {
  try {
    if (request.protocol !== PROTOCOL_VERSION) {
      throw new CniFailure(
        'decode',
        `the plugin speaks protocol ${request.protocol}, the node agent ${PROTOCOL_VERSION}`,
      );
    }
    return await COMMANDS[request.command](request, context);
  } catch (error) {
    return { kind: 'error', error: cniErrorOf(error) };
  }
}

type Command = (request: CniRequest, context: Context) => Promise<CniResponse>;

const DONE: CniResponse = { kind: 'done' };

const COMMANDS: Readonly<Record<CniCommand, Command>> = {
  ADD: async (request, { agent, adds, signal }) => {
    const abort = new AbortController();
    adds.set(containerOf(request), abort);
    try {
      return { kind: 'result', result: await attach(request, agent, AbortSignal.any([signal, abort.signal])) };
    } finally {
      if (adds.get(containerOf(request)) === abort) adds.delete(containerOf(request));
    }
  },
  DEL: async (request, { agent, adds }) => {
    adds.get(containerOf(request))?.abort(new CniFailure('tryAgainLater', 'the sandbox is being deleted'));
    await detach(request, agent);
    return DONE;
  },
  CHECK: async (request, { agent }) => {
    await check(request, agent);
    return DONE;
  },
  GC: async (request, { agent }) => {
    await collect(request, agent);
    return DONE;
  },
  STATUS: async (_request, { unready }) => {
    const reason = await unready();
    if (reason !== undefined) throw new CniFailure('unavailable', reason);
    return DONE;
  },
};

function containerOf(request: CniRequest): string {
  return `${request.containerId ?? ''} ${request.ifname ?? ''}`;
}

/** What becomes of an ADD whose pod is deleted meanwhile: at a deletion of many there are many, and nobody has anything to mend. */
const OVERTAKEN: ReadonlySet<number> = new Set([ERROR_CODES.podNotFound, ERROR_CODES.tryAgainLater]);

function logOutcome(request: CniRequest, response: CniResponse, { log }: AgentDeps): void {
  const { command, containerId } = request;
  const facts = {
    command,
    containerId,
    namespace: request.args['K8S_POD_NAMESPACE'],
    pod: request.args['K8S_POD_NAME'],
  };
  if (response.kind === 'error') {
    const { code, msg: reason } = response.error;
    log[OVERTAKEN.has(code) ? 'info' : 'warn']({ ...facts, code, reason }, 'command failed');
  } else if (command === 'ADD' || command === 'DEL') log.info(facts, command === 'ADD' ? 'attached' : 'detached');
  else log.debug(facts, 'command done');
}

/** One request to its command: the agent's table of what it can do, measured and logged once. */
import type { Histogram } from 'prom-client';
import { type CniRequest, type CniResponse, PROTOCOL_VERSION } from '../protocol.ts';
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
    return await run(request, context);
  } catch (error) {
    return { kind: 'error', error: cniErrorOf(error) };
  }
}

async function run(request: CniRequest, context: Context): Promise<CniResponse> {
  const { agent, adds, signal } = context;
  const container = `${request.containerId ?? ''} ${request.ifname ?? ''}`;
  switch (request.command) {
    case 'ADD': {
      const abort = new AbortController();
      adds.set(container, abort);
      try {
        return { kind: 'result', result: await attach(request, agent, AbortSignal.any([signal, abort.signal])) };
      } finally {
        if (adds.get(container) === abort) adds.delete(container);
      }
    }
    case 'DEL':
      adds.get(container)?.abort(new CniFailure('tryAgainLater', 'the sandbox is being deleted'));
      await detach(request, agent);
      return { kind: 'done' };
    case 'CHECK':
      await check(request, agent);
      return { kind: 'done' };
    case 'GC':
      await collect(request, agent);
      return { kind: 'done' };
    case 'STATUS': {
      const reason = await context.unready();
      if (reason !== undefined) throw new CniFailure('unavailable', reason);
      return { kind: 'done' };
    }
  }
}

function logOutcome(request: CniRequest, response: CniResponse, { log }: AgentDeps): void {
  const { command, containerId } = request;
  const facts = {
    command,
    containerId,
    namespace: request.args['K8S_POD_NAMESPACE'],
    pod: request.args['K8S_POD_NAME'],
  };
  if (response.kind === 'error')
    log.warn({ ...facts, code: response.error.code, reason: response.error.msg }, 'command failed');
  else if (command === 'ADD' || command === 'DEL') log.info(facts, command === 'ADD' ? 'attached' : 'detached');
  else log.debug(facts, 'command done');
}

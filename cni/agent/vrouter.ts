/** The vRouter's port API as the agent uses it (facts 6.6); the same calls serve Contrail's own agent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../runtime/errors.ts';

/** The body of `POST /vm`, with the keys of facts 6.6. */
export interface PortRequest {
  readonly 'vm-id': string;
  readonly 'vm-uuid': string;
  readonly 'vm-name': string;
  readonly 'host-ifname': string;
  readonly 'vm-ifname': string;
  readonly 'vm-namespace': string;
  readonly 'vn-uuid': string;
  readonly 'vmi-uuid': string;
}

export interface VRouter {
  /** Adds the port and resolves once its routes and policy are in the kernel; throws when `limits` end first. */
  readonly addPort: (
    port: PortRequest,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<void>;
  /** Whether the port is programmed now. */
  readonly hasPort: (vm: string, vmi: string) => Promise<boolean>;
  /** Removes a sandbox's ports of a virtual machine; fine when there are none. Throws when the vRouter does not take it. */
  readonly removePorts: (vm: string, sandbox: string) => Promise<void>;
  /** Why it cannot serve, or `undefined` when it can. */
  readonly unready: () => Promise<string | undefined>;
}

const LONG_POLL_MS = 2_000;
const PAUSE_MS = 50;
const CALL_TIMEOUT_MS = 5_000;

/** A client of the port API at `url` (`http://127.0.0.1:9091`). */
export function createVRouter(url: string): VRouter {
  const call = async (
    method: string,
    path: string,
    init: { body?: string; signal?: AbortSignal } = {},
  ): Promise<Response> => {
    const limit = AbortSignal.timeout(LONG_POLL_MS + CALL_TIMEOUT_MS);
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(init.body === undefined ? {} : { body: init.body }),
      signal: init.signal === undefined ? limit : AbortSignal.any([limit, init.signal]),
    });
    return response;
  };
  return {
    addPort: async (port, { timeoutMs, signal }) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const tried: Attempt = { posted: false, last: 'no answer' };
      while (!(await attempt(port, { call, limit, tried }))) {
        if (limit.aborted) throw new Error(tried.last);
        await sleep(PAUSE_MS, undefined, { signal: limit }).catch(() => undefined);
      }
    },
    hasPort: async (vm, vmi) => await isOk(call('GET', `/vm/${vm}/${vmi}`)),
    removePorts: async (vm, sandbox) => {
      const response = await call('DELETE', `/vm/${vm}`, {
        body: JSON.stringify({ time: new Date().toISOString(), 'vm-id': sandbox, 'vm-uuid': vm }),
      });
      const text = await response.text();
      if (!response.ok && response.status !== 404)
        throw new Error(`DELETE /vm/${vm} answered ${response.status}: ${text}`);
    },
    unready: async () => {
      try {
        // Ours says by 503 that it has no configuration yet. Contrail's agent does not know the question, which is an answer.
        const response = await call('GET', '/readyz');
        const text = await response.text();
        return response.status === 503 ? `the vRouter is not ready: ${text.trim()}` : undefined;
      } catch (error) {
        return `the vRouter does not answer at ${url}: ${reasonOf(error)}`;
      }
    },
  };
}

interface Attempt {
  posted: boolean;
  last: string;
}

/** One try: post where that has not succeeded, then wait for the port a while. Answers whether the port is programmed. */
async function attempt(
  port: PortRequest,
  context: {
    call: (method: string, path: string, init: { body?: string; signal?: AbortSignal }) => Promise<Response>;
    limit: AbortSignal;
    tried: Attempt;
  },
): Promise<boolean> {
  const { call, limit, tried } = context;
  try {
    if (!tried.posted) {
      const posted = await call('POST', '/vm', {
        body: JSON.stringify({ time: new Date().toISOString(), ...port }),
        signal: limit,
      });
      const text = await posted.text();
      tried.posted = posted.ok;
      if (!posted.ok) tried.last = `POST /vm answered ${posted.status}: ${text}`;
      if (!posted.ok) return false;
    }
    const path = `/vm/${port['vm-uuid']}/${port['vmi-uuid']}?wait=${LONG_POLL_MS}`;
    const got = await call('GET', path, { signal: limit });
    const text = await got.text();
    if (!got.ok) tried.last = `the port is not programmed: ${text}`;
    return got.ok;
  } catch (error) {
    // A vRouter that restarts forgets nothing it has journalled, but it may have died before that: post again.
    tried.posted = false;
    if (!limit.aborted) tried.last = reasonOf(error);
    return false;
  }
}

async function isOk(pending: Promise<Response>): Promise<boolean> {
  try {
    const response = await pending;
    await response.text();
    return response.ok;
  } catch {
    return false; // A vRouter that does not answer has not programmed it as far as anybody can tell.
  }
}

/** `fetch failed` hides the reason in the cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
}

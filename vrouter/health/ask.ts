/** One question of a health check, as the node asks it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { messageOf } from '../../runtime/errors.ts';
import type { HealthCheck } from '../model/services.ts';

/** Why the back end is not well, or `undefined` where it is. */
export type Ask = (check: HealthCheck, signal: AbortSignal) => Promise<string | undefined>;

/** Asks once; waits no longer than the check says. */
export const ask: Ask = async (check, signal) => {
  const late = AbortSignal.timeout(check.timeoutMs);
  try {
    return await ASK[check.type](check, AbortSignal.any([signal, late]));
  } catch (error) {
    return late.aborted ? `no answer in ${check.timeoutMs} ms` : messageOf(error);
  }
};

const ASK: Readonly<Record<HealthCheck['type'], Ask>> = {
  HTTP: async (check, signal) => await askHttp(requestHttp, check, signal),
  HTTPS: async (check, signal) => await askHttp(requestHttps, check, signal),
  TCP: async ({ address: host, port = 0 }, signal) => {
    const socket = connect({ host, port });
    try {
      await once(socket, 'connect', { signal });
      return undefined;
    } finally {
      socket.destroy();
    }
  },
  PING: async ({ address }, signal) => {
    const child = spawn('ping', ['-n', '-q', '-c', '1', address], { stdio: 'ignore', signal });
    const [code] = (await once(child, 'close', { signal })) as [number | null];
    return code === 0 ? undefined : 'no echo';
  },
};

/** What the kubelet takes for a success: 200 to 399, whatever certificate is shown (Kubernetes, "Probes"). */
async function askHttp(
  request: typeof requestHttps,
  { address: host, port, path }: HealthCheck,
  signal: AbortSignal,
): Promise<string | undefined> {
  const headers = { connection: 'close', 'user-agent': 'opencontrail-health-check' };
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = request({ host, port, path, headers, signal, agent: false, rejectUnauthorized: false }, (response) => {
    resolve(response.statusCode ?? 0);
    response.destroy();
  });
  asked.on('error', reject).end();
  const status = await promise;
  return status >= 200 && status < 400 ? undefined : `HTTP status ${status}`;
}

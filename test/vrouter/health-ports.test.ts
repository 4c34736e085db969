/** Health-check ports: what a load balancer outside is told, and that a port is let go. */
import { afterEach, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import { createLogger } from '../../runtime/log.ts';
import { createHealthPorts } from '../../vrouter/health-ports.ts';

const ports = createHealthPorts(createLogger('test', 'silent'));
afterEach(ports.close);

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function ask(port: number): Promise<{ status: number; body: unknown } | undefined> {
  for (let tries = 0; tries < 20; tries += 1) {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (response !== undefined) return { status: response.status, body: await response.json() };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return undefined;
}

const body = (localEndpoints: number) => ({
  service: { namespace: 'dev', name: 'web' },
  localEndpoints,
  serviceProxyHealthy: true,
});

test('tells how many back ends there are, and fails where there is none', async () => {
  const port = await freePort();
  const service = { port, namespace: 'dev', name: 'web' };
  ports.set([{ ...service, localEndpoints: 2 }]);
  await expect(ask(port)).resolves.toEqual({ status: 200, body: body(2) });
  ports.set([{ ...service, localEndpoints: 0 }]);
  await expect(ask(port)).resolves.toEqual({ status: 503, body: body(0) });
  ports.set([]);
  await expect(ask(port)).resolves.toBeUndefined();
});

/** Ports that another program has, at whatever address. */
import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createPortGuard } from '../../proxy/haproxy/port-guard.ts';
import { freePort } from '../workers/programs.ts';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

test.each(['127.0.0.1', '0.0.0.0', '::'])('at %s', async (host) => {
  const [port, free] = [await freePort(), await freePort()];
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const guard = createPortGuard();
  expect([...(await guard.takenOf([port, free]))]).toEqual([port]);
  // By then it is HAProxy's own.
  guard.hold([port]);
  expect([...(await guard.takenOf([port, free]))]).toEqual([]);
});

/** Which ports of the host are taken, asked of real sockets in a network namespace's worth of this machine. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { formatHostPort, type HostPort, parseHostPort, takenPorts } from '../../../cni/preflight/ports.ts';

test.each(['9443/tcp=webhooks:webhooks.port', '4789/udp=vrouter:node.vxlanPort', '6379/tcp=redis'])(
  'reads %s, and writes it again',
  (text) => expect(formatHostPort(parseHostPort(text) as HostPort)).toBe(text),
);

test.each(['', '9443', '9443/sctp=x', '70000/tcp=x', '9443/tcp='])('refuses "%s"', (text) =>
  expect(parseHostPort(text)).toBeUndefined(),
);

test('finds the port that another program holds, also one on loopback alone, and not those that are free', async () => {
  const [tcp, udp] = [createServer().listen(0, '127.0.0.1'), createSocket('udp4').bind(0, '0.0.0.0')];
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')]);
  const held: readonly HostPort[] = [
    { port: (tcp.address() as AddressInfo).port, protocol: 'tcp', purpose: 'a' },
    { port: udp.address().port, protocol: 'udp', purpose: 'b' },
  ];
  // The other protocol's port of the same number is free, as far as nobody else on this machine has it.
  expect(await takenPorts(held)).toEqual(held);
  const ended = [once(tcp, 'close'), once(udp, 'close')];
  tcp.close();
  udp.close();
  await Promise.all(ended);
  expect(await takenPorts(held)).toEqual([]);
});

/** Reaching into the lab from the machine: 127.0.0.1 → unix socket → a TCP port in a lab machine. */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { labDir } from './paths.ts';
import type { Program } from './machine.ts';

/** The half inside the machine: a program of it. A unix socket crosses network namespaces; its path is kept short. */
export function insideRelay(socket: string, target: string): Program {
  const script = `cd '${labDir}' && exec socat UNIX-LISTEN:${socket},fork,unlink-early,backlog=128 TCP:${target},nodelay`;
  return { name: `relay-${socket.replace(/\.sock$/, '')}`, command: ['/bin/sh', '-c', script] };
}

/** The half on the machine: listens on 127.0.0.1. The only process of the lab outside its namespaces. */
export function startOutsideRelay(port: number, socket: string): void {
  if (outsideRelays().length > 0) return;
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=128`;
  spawn('socat', [listen, `UNIX-CONNECT:${socket}`], { cwd: labDir, detached: true, stdio: 'ignore' }).unref();
}

/** Ends the relay on the machine, and its connections. */
export function stopOutsideRelays(): void {
  for (const pid of outsideRelays()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself between the look and the kill.
    }
  }
}

/** Known by program, arguments and working folder together, so another's socat is never taken for ours. */
export function outsideRelays(): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => isOutsideRelay(pid))
    .map(Number);
}

/** A TCP port on 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // A listening TCP server has this form of address.
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isOutsideRelay(pid: string): boolean {
  try {
    const [program, listen] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (program !== 'socat' || listen?.startsWith('TCP-LISTEN:') !== true) return false;
    return readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '') === labDir;
  } catch {
    return false; // It ended while we looked.
  }
}

/** Ports of the node that the product's programs will listen on, and which of them are taken. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of the host. */
export interface HostPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  /** Whose it is to be. */
  readonly purpose: string;
  /** The chart's value that chooses it, where one does. */
  readonly value?: string;
}

const FORM = /^(\d+)\/(tcp|udp)=([\w-]+)(?::([\w.]+))?$/;

/** Reads `<port>/<protocol>=<program>[:<value of the chart>]`; `undefined` where the text is none. Pure. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, port, protocol, purpose, value] = FORM.exec(text) ?? [];
  if (port === undefined || purpose === undefined || Number(port) > 65_535) return undefined;
  const named = value === undefined ? {} : { value };
  return { port: Number(port), protocol: protocol === 'udp' ? 'udp' : 'tcp', purpose, ...named };
}

/** The text that `parseHostPort` reads. Pure. */
export function formatHostPort({ port, protocol, purpose, value }: HostPort): string {
  return `${port}/${protocol}=${purpose}${value === undefined ? '' : `:${value}`}`;
}

/** Those that cannot be opened on this node. Opening them for a moment is the only answer that leaves nothing out. */
export async function takenPorts(ports: readonly HostPort[]): Promise<readonly HostPort[]> {
  const taken = await Promise.all(ports.map(async (each) => ((await canOpen(each)) ? [] : [each])));
  return taken.flat();
}

async function canOpen({ port, protocol }: HostPort): Promise<boolean> {
  const socket = protocol === 'tcp' ? createServer() : createSocket('udp4');
  try {
    const listening = once(socket, 'listening'); // Rejects with an `error` that comes instead.
    if ('listen' in socket) socket.listen({ port, host: '0.0.0.0' });
    else socket.bind(port, '0.0.0.0');
    await listening;
    return true;
  } catch {
    return false;
  } finally {
    if (!('listen' in socket) || socket.listening) await new Promise<void>((done) => socket.close(() => done()));
  }
}

/** Connections to ports of pods through the API server, as `kubectl port-forward` makes them. */
import { createServer, type Server, type Socket } from 'node:net';
import type { KubeConfig, PortForward } from '@kubernetes/client-node';

/** A port of a pod; in a pod of the host's network also one that listens on loopback alone. */
export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** A port of this machine's loopback that leads to the pod's until it is closed. */
export interface Forwarding {
  readonly port: number;
  readonly close: () => void;
}

/** Listens on loopback and relays every connection. The user needs `get` and `create` on `pods/portforward`. */
export async function forwardPort(target: PodPort, config: KubeConfig): Promise<Forwarding> {
  const clientNode = await import('@kubernetes/client-node');
  const forward = new clientNode.PortForward(config);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // The other end's reset is no event of its own here.
    socket.on('error', () => undefined);
    relay(socket, target, forward).catch((error: unknown) => socket.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: portOf(server),
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function relay(socket: Socket, { namespace, pod, port }: PodPort, forward: PortForward): Promise<void> {
  // Held back until the other side stands: what came before would be lost.
  socket.pause();
  const connection = await forward.portForward(namespace, pod, [port], socket, null, socket);
  if (typeof connection === 'function') return; // Only with retries, which were not asked for.
  connection.addEventListener('close', () => void socket.end());
  socket.once('close', () => connection.close());
  socket.resume();
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('a forwarded port has no number');
  return address.port;
}

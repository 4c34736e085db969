/** Redis behind a Kubernetes Service: its address is asked of the API server at every connect, since the node's network may not know it. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbstractConnector } from 'ioredis';
import { hostPort } from './redis-url.ts';

/** The Service's address; `undefined` while it has none. */
export type Resolve = () => Promise<string | undefined>;

/** How long to wait before asking again where a Service is. */
const ASK_AGAIN_MS = 500;

/**
 * An ioredis connector that asks where Redis is each time it connects, so a Redis that moved is found again. It asks
 * until it is told: ioredis gives up for good on a connector that fails.
 */
export function serviceConnector(resolve: Resolve, port: number | undefined) {
  return class ServiceConnector extends AbstractConnector {
    constructor() {
      super(2_000);
    }

    override async connect(emit: (type: string, error: Error) => void): Promise<Socket> {
      this.connecting = true;
      while (this.connecting) {
        const address = await addressOr(resolve, (error) => emit('error', error));
        if (address !== undefined && this.connecting) return this.#open(hostPort(address, 6379));
        await sleep(ASK_AGAIN_MS);
      }
      throw new Error('Connection is closed.');
    }

    #open(at: { host: string; port: number }): Socket {
      const socket = connect({ host: at.host, port: port ?? at.port });
      socket.once('error', (error) => {
        this.firstError = error;
      });
      this.stream = socket;
      return socket;
    }
  };
}

async function addressOr(resolve: Resolve, report: (error: Error) => void): Promise<string | undefined> {
  try {
    const address = await resolve();
    if (address === undefined) report(new Error('the Redis Service has no ready address'));
    return address;
  } catch (error) {
    report(error instanceof Error ? error : new Error(String(error)));
    return undefined;
  }
}

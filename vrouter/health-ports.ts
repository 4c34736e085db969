/**
 * Health-check ports of services (`healthCheckNodePort`): a load balancer outside asks which nodes have back ends, and sends
 * flows to these alone. Answers as kube-proxy does.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { HealthPort } from './model/services.ts';

export interface HealthPorts {
  /** Listens on these ports and no others. */
  readonly set: (ports: readonly HealthPort[]) => void;
  readonly close: () => void;
}

/** Listeners on all addresses of the node; a port that cannot be had is logged, and tried again at the next change. */
export function createHealthPorts(log: Logger): HealthPorts {
  const servers = new Map<number, Server>();
  let current = new Map<number, HealthPort>();
  const open = (port: number): void => {
    const server = createServer((_request, response) => answer(response, current.get(port)));
    servers.set(port, server);
    server.on('error', (error) => {
      log.warn({ port, reason: messageOf(error) }, 'cannot listen on a health-check port');
      servers.delete(port);
    });
    server.listen(port);
  };
  const shut = (port: number): void => {
    servers.get(port)?.close();
    servers.get(port)?.closeAllConnections();
    servers.delete(port);
  };
  return {
    set(ports) {
      current = new Map(ports.map((each) => [each.port, each]));
      for (const port of servers.keys()) if (!current.has(port)) shut(port);
      for (const port of current.keys()) if (!servers.has(port)) open(port);
    },
    close() {
      for (const port of servers.keys()) shut(port);
    },
  };
}

function answer(response: ServerResponse, health: HealthPort | undefined): void {
  const { namespace = '', name = '', localEndpoints = 0 } = health ?? {};
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: true };
  response.writeHead(localEndpoints > 0 ? 200 : 503, {
    'content-type': 'application/json',
    'x-load-balancing-endpoint-weight': String(localEndpoints),
  });
  response.end(JSON.stringify(body));
}

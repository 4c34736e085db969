/** Virtual addresses, ports of nodes, and the health of what is behind them. */
import type { InstanceId } from './networks.ts';

export interface Backend {
  readonly address: string;
  readonly port: number;
  /** The back end's network; the fabric's for addresses of machines. */
  readonly network: InstanceId;
  /** Its address may be another network's too. */
  readonly overlapping?: true;
}

/** One port of a virtual address. Without back ends it is refused, not dropped. */
export interface Service {
  readonly vip: string;
  readonly network: InstanceId;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  readonly backends: readonly Backend[];
  /** How long a client keeps its back end, in seconds. */
  readonly affinitySeconds?: number;
  /** There are back ends, but none that this node may use: flows are dropped, since a refusal would be believed. */
  readonly silent?: boolean;
}

/** A port of an address that is reached from outside: a node's own, or one that leads to the nodes. */
export interface Exposure {
  readonly address: string;
  readonly protocol: Service['protocol'];
  readonly port: number;
  /** For pods and the node itself. */
  readonly inside: readonly Backend[];
  readonly outside: readonly Backend[];
  readonly affinitySeconds?: number;
  /** Who may use it; everybody, where absent. */
  readonly sourceRanges?: readonly string[];
  /** As of a service, for the outside. */
  readonly silent?: boolean;
  /** The network outside that the address is of, where that is at an interface of its own. */
  readonly external?: InstanceId;
}

/** A port at which the node says how many back ends of a service it has (`healthCheckNodePort`). */
export interface HealthPort {
  readonly port: number;
  readonly namespace: string;
  readonly name: string;
  readonly localEndpoints: number;
}

/** Something of this node's that is asked, again and again, whether it is well. */
export interface HealthCheck {
  /** The UUID of what is left out while it is not: a pool's member, or an interface with all its memberships. */
  readonly subject: string;
  readonly address: string;
  readonly type: 'HTTP' | 'HTTPS' | 'TCP' | 'PING';
  /** Of all but PING. */
  readonly port?: number;
  /** Of HTTP and HTTPS. */
  readonly path?: string;
  readonly delayMs: number;
  readonly timeoutMs: number;
  /** Questions that fail in a row before it is left out; one that succeeds brings it back. */
  readonly retries: number;
}

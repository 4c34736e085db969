/** What the CNI plugin and the node agent say to each other: one line of JSON each way over a unix socket. */

/** Raised when a field changes its meaning; the agent accepts its own version and the one before. */
export const PROTOCOL_VERSION = 1;
export const DEFAULT_SOCKET = '/run/opencontrail/cni.sock';
/** Where the plugin leaves the releases that the agent could not take; the agent finishes them later (design rule 10). */
export const DEFAULT_RELEASE_DIR = '/var/lib/opencontrail/cni/releases';
/** The agent touches this file beside its socket while the node can serve. */
export const SERVING_FILE = 'serving';
/**
 * A node that could serve so recently still counts as one that can: an agent or vRouter that restarts is back sooner.
 * Otherwise every upgrade would make the node NotReady for a moment, and Services would lose the endpoints on it.
 */
export const SERVING_GRACE_MS = 30_000;
export const CNI_VERSIONS: readonly string[] = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

/** One invocation of the plugin, as the runtime made it. What the command does not carry is absent. */
export interface CniRequest {
  readonly protocol: number;
  readonly command: CniCommand;
  /** The version the runtime speaks: one of `CNI_VERSIONS`. */
  readonly cniVersion: string;
  readonly containerId?: string;
  /** Path of the pod's network namespace on the host. */
  readonly netns?: string;
  readonly ifname?: string;
  /** `CNI_ARGS`, parsed: `K8S_POD_NAMESPACE`, `K8S_POD_NAME`, `K8S_POD_UID` and whatever else. */
  readonly args: Readonly<Record<string, string>>;
  /** The network configuration from stdin. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** The error object of the specification; `code` is one of `ERROR_CODES`. */
export interface CniError {
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

export type CniResponse =
  | { readonly kind: 'result'; readonly result: Readonly<Record<string, unknown>> }
  /** Success of a command that has no result. */
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly error: CniError };

/** Codes of the specification, then ours from 100. */
export const ERROR_CODES = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  containerUnknown: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  unavailable: 50,
  podNotFound: 100,
  portNotAssigned: 101,
  portNotProgrammed: 102,
  interfaceNotMade: 103,
  checkFailed: 104,
} as const;

/** The name of the file that journals the release of one interface of one container. */
export function releaseFileName(containerId: string, ifname: string): string {
  return `${containerId}-${ifname}.json`;
}

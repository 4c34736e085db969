/** What the agent's commands work with: made once by main.ts, replaced by tests. */
import type { Logger } from '../../runtime/log.ts';
import type { Journal } from './journal.ts';
import type { Locks } from './locks.ts';
import type { Netlink } from './ip.ts';
import type { PodSource } from './pods.ts';
import type { VRouter } from './vrouter.ts';

export interface AgentDeps {
  readonly pods: PodSource;
  readonly vrouter: VRouter;
  readonly netlink: Netlink;
  readonly journal: Journal;
  readonly locks: Locks;
  readonly log: Logger;
  /** The fully qualified name of a pod's virtual machine, in colon form. */
  readonly vmName: (namespace: string, pod: string) => string;
  /** Whether a network device of this name exists on the host. */
  readonly hasDevice: (name: string) => boolean;
  /** The MTU of a pod whose port names none, in bytes. */
  /** Whether a meta-plugin asks for each interface of a pod by itself. */
  readonly oneByOne: boolean;
  readonly podMtu: () => number;
  readonly portTimeoutMs: number;
  readonly vrouterTimeoutMs: number;
}

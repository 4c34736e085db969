/**
 * What this node says of its interfaces, on its virtual router: which of those it has that networks outside are at. By it nodes agree who
 * can serve such a network, and workers know whether anybody can.
 */
import type { ContrailClient } from '../contrail/client.ts';
import { physicalNetworks } from '../contrail/provider.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { ForwardingState, Interfaces } from './model.ts';
import { createRounds } from './rounds.ts';

export interface AttachmentTeller {
  /** Says what there is, where the configuration says something else; again and again until it stands there. */
  readonly set: (state: Pick<ForwardingState, 'attachment'>, interfaces: Interfaces | undefined) => void;
  readonly close: () => Promise<void>;
}

interface TellerDeps {
  readonly client: Pick<ContrailClient, 'update'>;
  readonly log: Logger;
}

/** Says nothing before it is told something. */
export function createAttachmentTeller({ client, log }: TellerDeps): AttachmentTeller {
  let wanted: { readonly router: string; readonly interfaces: readonly string[] } | undefined;
  const rounds = createRounds(async () => {
    if (wanted === undefined) return 'applied';
    const { router, interfaces } = wanted;
    try {
      await client.update('virtual-router', router, {
        virtual_router_sriov_physical_networks: physicalNetworks(interfaces),
      });
    } catch (error) {
      log.warn({ interfaces, reason: messageOf(error) }, 'cannot say which interfaces this node has');
      return 'failed';
    }
    log.info({ interfaces }, 'told which interfaces of networks outside this node has');
    wanted = undefined;
    return 'applied';
  });
  return {
    set({ attachment }, interfaces) {
      if (attachment === undefined) return;
      const up = [...(interfaces?.up ?? [])].sort();
      wanted = up.join() === attachment.interfaces.join() ? undefined : { router: attachment.router, interfaces: up };
      if (wanted !== undefined) rounds.request();
    },
    close: rounds.close,
  };
}

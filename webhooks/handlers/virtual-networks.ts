/** VirtualNetworks: one that pods are in is not deleted. Pure. */
import { z } from 'zod';
import { allowed, denied } from '../decision.ts';
import type { Handler } from './handler.ts';

/** Written by the workers alone; absent before their first run. */
const Users = z.object({ users: z.object({ pods: z.number(), names: z.array(z.string()) }) });
/** Names that the message holds. */
const SHOWN = 5;

/** Refuses the deletion of a network that is in use, and names the users. */
export const validateVirtualNetwork: Handler = ({ operation, oldObject, name, namespace, subResource }) => {
  if (operation !== 'DELETE' || (subResource ?? '') !== '') return allowed();
  const users = Users.safeParse(oldObject?.status).data?.users;
  if (users === undefined || users.pods === 0) return allowed();
  const shown = users.names.slice(0, SHOWN).join(', ');
  const more = users.pods > SHOWN ? ` and ${users.pods - SHOWN} more` : '';
  return denied(
    403,
    `VirtualNetwork ${namespace}/${name} is in use by ${users.pods === 1 ? 'pod' : 'pods'} ${shown}${more}; delete the pods first, or move them to another network`,
    { audit: { decision: 'in-use' } },
  );
};

/** VirtualNetworks and NetworkAttachmentDefinitions: one that pods are in is not deleted. Pure. */
import { z } from 'zod';
import { allowed, type Decision, denied } from '../decision.ts';
import type { AdmissionRequest } from '../review.ts';
import type { Handler } from './handler.ts';
import { judgeRouted } from './routed-networks.ts';

/** Written by the workers alone; absent before their first run. */
const Users = z.object({ users: z.object({ pods: z.number(), names: z.array(z.string()) }) });
/** Names that the message holds. */
const SHOWN = 5;

/** Refuses the deletion of a network that is in use, and names the users; and one that may not be routed. */
export const validateVirtualNetwork: Handler = (request, view) => {
  if (!isDeletion(request)) return judgeRouted(request, view);
  const users = Users.safeParse(request.oldObject?.status).data?.users;
  return users === undefined ? allowed() : judge('VirtualNetwork', request, users);
};

/** Refuses the deletion of a definition that is in use, and names the users. */
export const validateAttachmentDefinition: Handler = (request, { usersOf }) => {
  if (!isDeletion(request)) return allowed();
  const names = usersOf?.(`${request.namespace}/${request.name}`) ?? [];
  return judge('NetworkAttachmentDefinition', request, { pods: names.length, names });
};

function isDeletion({ operation, subResource }: AdmissionRequest): boolean {
  return operation === 'DELETE' && (subResource ?? '') === '';
}

function judge(
  kind: string,
  { namespace, name }: AdmissionRequest,
  { pods, names }: { readonly pods: number; readonly names: readonly string[] },
): Decision {
  if (pods === 0) return allowed();
  const shown = names.slice(0, SHOWN).join(', ');
  const more = pods > SHOWN ? ` and ${pods - SHOWN} more` : '';
  return denied(
    403,
    `${kind} ${namespace}/${name} is in use by ${pods === 1 ? 'pod' : 'pods'} ${shown}${more}; delete the pods first, or move them to another network`,
    { audit: { decision: 'in-use' } },
  );
}

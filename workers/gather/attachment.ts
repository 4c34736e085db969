/** A NetworkAttachmentDefinition of ours: its network and IPAM. */
import { type AttachmentInput, desiredAttachment } from '../../contrail/desired/attachment.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { attachmentInput } from '../desired/attachment.ts';
import { refuseSharedAddresses } from '../forwarded-subnets.ts';
import type { Key } from '../keys.ts';
import { readAttachmentDefinition } from '../lookup.ts';

export const attachmentReconciler: Reconciler<AttachmentInput> = {
  input: async ({ namespace, name }, deps) => {
    const definition = await readAttachmentDefinition(namespace, name, deps);
    return definition === undefined ? undefined : attachmentInput(definition, deps.settings);
  },
  observe,
  desired: desiredAttachment,
};

async function observe({ namespace, name }: Key, input: AttachmentInput | undefined, deps: Deps): Promise<Observation> {
  const { contrail, settings } = deps;
  const { names } = settings;
  if (input?.forwarding) {
    const subnets = input.subnets.map(({ subnet }) => subnet);
    await refuseSharedAddresses({ fqName: names.attachmentNetwork(namespace, name), subnets }, deps);
  }
  const namesByType = {
    'network-ipam': [names.attachmentIpam(namespace, name)],
    'virtual-network': [names.attachmentNetwork(namespace, name)],
  };
  const lists = Object.entries(namesByType).map(([type, fqNames]) => contrail.list(type, { fqNames, detail: true }));
  return { kind: 'observed', found: (await Promise.all(lists)).flat() };
}

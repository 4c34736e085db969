/** A NetworkAttachmentDefinition as Contrail is to have it. Pure. */
import type { AttachmentInput } from '../../contrail/desired/attachment.ts';
import { subnetOf } from '../../contrail/desired/virtual-network.ts';
import type { IpamSubnet, Subnet } from '../../contrail/objects.ts';
import { meaningOf, type SlimAttachmentDefinition } from '../../kubernetes/attachment-definition.ts';
import { problemText } from '../../kubernetes/problems.ts';
import { TerminalError } from '../../runtime/errors.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import type { AddressRange } from '../../kubernetes/virtual-network.ts';
import { overlap, subnetHolding, subnetText } from '../subnets.ts';

/**
 * What to make of a definition; `undefined` where it is not ours. Throws a `TerminalError` that names the annotation which asks
 * for what cannot be: also a subnet out of which pods would shadow the cluster's own addresses.
 */
export function attachmentInput(
  definition: SlimAttachmentDefinition,
  settings: Pick<ClusterSettings, 'podSubnets' | 'serviceSubnets'>,
): AttachmentInput | undefined {
  const { namespace, name, uid } = definition;
  const meaning = meaningOf(definition);
  switch (meaning.kind) {
    case 'foreign':
      return undefined;
    case 'refused':
      throw new TerminalError('DefinitionRefused', meaning.problems.map(problemText).join('; '));
    case 'reference':
      return { namespace, name, uid, subnets: [], snat: false, forwarding: false };
    case 'subnets': {
      const subnets = meaning.cidrs.map((cidr) => subnetWithout(cidr, meaning.excluded));
      refuseShadows(
        subnets.map(({ subnet }) => subnet),
        settings,
      );
      const { snat, forwarding } = meaning;
      return { namespace, name, uid, subnets, snat, forwarding };
    }
  }
}

function refuseShadows(
  subnets: readonly Subnet[],
  { podSubnets, serviceSubnets }: Pick<ClusterSettings, 'podSubnets' | 'serviceSubnets'>,
): void {
  for (const subnet of subnets) {
    const other = [...podSubnets, ...serviceSubnets].find((each) => overlap(subnet, each));
    if (other === undefined) continue;
    const texts = `${subnetText(subnet)} overlaps with ${subnetText(other)}`;
    throw new TerminalError(
      'SubnetOverlaps',
      `${texts}, which the cluster's own pods or services have; use another subnet`,
    );
  }
}

/** A range that lies in another subnet is that one's. */
function subnetWithout(cidr: string, excluded: readonly AddressRange[]): IpamSubnet {
  const { subnet } = subnetOf({ cidr });
  const own = excluded.filter(({ start }) => subnetHolding(start, [subnet]) !== undefined);
  try {
    return subnetOf({ cidr, excluded: own });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TerminalError('DefinitionRefused', `${error.message}; leave some of them`);
  }
}

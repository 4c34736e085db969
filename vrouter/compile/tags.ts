/**
 * Tags of interfaces (facts 1.9): an interface's own, and where it has none of a type, those of its machine, its network and its
 * project, in this order; labels add up. A tag is known by its full name: a node is not sent the tags themselves. Pure.
 */
import { fqNameText } from '../../contrail/objects.ts';
import type { ContrailObject, VirtualMachineInterface } from '../../contrail/objects.ts';
import type { ConfigIndex } from './index-config.ts';
import { referencesOf } from './index-config.ts';

/** Of this type an interface may have several. */
const MANY = 'label';

/** The full names of an interface's tags, sorted. */
export type TagsOf = (vmi: VirtualMachineInterface) => readonly string[];

/** Tags of interfaces, each worked out once. */
export function createTags(config: ConfigIndex): TagsOf {
  const known = new Map<string, readonly string[]>();
  return (vmi) => {
    const tags = known.get(vmi.uuid) ?? effectiveTags(config, vmi);
    known.set(vmi.uuid, tags);
    return tags;
  };
}

/** The type of a tag, from its full name. */
export function typeOf(tag: string): string {
  return tag.slice(0, tag.indexOf('=')).split(':').at(-1) ?? '';
}

/** The tags that an object itself carries. */
export function ownTags(object: ContrailObject): readonly string[] {
  return referencesOf(object, 'tag').map(({ to }) => fqNameText(to));
}

function effectiveTags(config: ConfigIndex, vmi: VirtualMachineInterface): readonly string[] {
  const project = config.get('project', vmi.parent_uuid ?? '');
  const holders: readonly ContrailObject[] = [
    vmi,
    ...config.targets(vmi, 'virtual-machine'),
    ...config.targets(vmi, 'virtual-network'),
    ...(project === undefined ? [] : [project]),
  ];
  const tags = new Set<string>();
  const types = new Set<string>();
  for (const holder of holders) {
    const added = ownTags(holder).filter((tag) => !types.has(typeOf(tag)));
    for (const tag of added) tags.add(tag);
    for (const type of added.map(typeOf)) if (type !== MANY) types.add(type);
  }
  return [...tags].sort();
}

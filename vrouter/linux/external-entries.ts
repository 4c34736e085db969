/** Rules and routes of networks outside at an interface of nodes: what has their marks has no other way. Pure. */
import type { Interfaces } from '../model.ts';
import type { ExternalNetwork } from '../model/edges.ts';
import { familyOf, HALVES } from './family.ts';
import { EXTERNAL_MAGIC, externalMark, hex } from './marks.ts';
import { TABLES } from './names.ts';

/** Behind those of networks whose router is elsewhere. */
const PREFERENCE = 6100;

/** A rule for each network. */
export function externalRules(externals: readonly ExternalNetwork[]): readonly (readonly [number, string])[] {
  if (externals.length === 0) return [];
  return [
    ...externals.map(({ id }) => [PREFERENCE, `fwmark ${externalMark(id)} lookup ${TABLES.external + id}`] as const),
    [PREFERENCE + 1, 'unreachable'],
    [85, `fwmark ${hex(EXTERNAL_MAGIC)}/0xffff0000 goto ${PREFERENCE}`],
  ];
}

interface ExternalRoute {
  readonly table: number;
  readonly prefix: string;
  readonly via: string;
  readonly device: string;
}

/** The subnets at an interface that is up, and everything else by the router there. */
export function externalRoutes(externals: readonly ExternalNetwork[], { up }: Interfaces): readonly ExternalRoute[] {
  return externals
    .filter(({ interface: name }) => up.has(name))
    .flatMap(({ id, interface: device, subnets, gateways }) => {
      const to = (prefix: string, via: string): ExternalRoute => ({ table: TABLES.external + id, prefix, via, device });
      const near = subnets.map((prefix) => to(prefix, `dev ${device}`));
      const far = gateways.flatMap((gateway) =>
        HALVES[familyOf(gateway)].map((prefix) => to(prefix, `via ${gateway} dev ${device} onlink`)),
      );
      return [...near, ...far];
    });
}

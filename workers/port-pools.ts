/** Under which ports pods go outside by their node's address (`port_translation_pools` of the `global-vrouter-config`, facts 1.1). */
import { isDeepStrictEqual } from 'node:util';
import type { GlobalVrouterConfig, PortTranslationPool } from '../contrail/objects.ts';
import type { ContrailClient } from '../contrail/client.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { readStatus } from './status.ts';

const GLOBAL_CONFIG = ['default-global-system-config', 'default-global-vrouter-config'];

const MAX_PORT = 65_535;

/** kube-manager's: the agents of a Contrail controller translate under ports of a pool alone. */
const USUAL = poolsOf('tcp:56000-57023,udp:57024-58047') ?? [];

/**
 * Writes the pools that the settings say. On a Contrail controller only where there are none, since they are for all that it serves, and
 * the usual ones where the settings say nothing; our own vRouter has all ports then.
 */
export async function writePortPools({
  contrail,
  settings: { snatPorts },
}: {
  readonly contrail: ContrailClient;
  readonly settings: Pick<ClusterSettings, 'snatPorts'>;
}): Promise<void> {
  const isExternal = (await readStatus(contrail)).epoch === 'external';
  const wanted = snatPorts.length === 0 && isExternal ? USUAL : snatPorts;
  if (wanted.length === 0) return;
  const found = (await contrail.readByName('global-vrouter-config', GLOBAL_CONFIG)) as GlobalVrouterConfig | undefined;
  if (found === undefined) return;
  const standing = found.port_translation_pools?.port_translation_pool ?? [];
  const stands = isExternal ? standing.length > 0 : isDeepStrictEqual(standing.map(plain), wanted);
  if (stands) return;
  await contrail.update('global-vrouter-config', found.uuid, {
    port_translation_pools: { port_translation_pool: wanted },
  });
}

/** The pools that `tcp:56000-57023,udp:57024-58047` means, and none of an empty text; `undefined` where it is no such list. */
export function poolsOf(text: string): readonly PortTranslationPool[] | undefined {
  const items = text.split(',').map((item) => item.trim());
  const pools = items.filter((item) => item !== '').map(poolOf);
  return pools.every((pool) => pool !== undefined) ? pools : undefined;
}

function poolOf(item: string): PortTranslationPool | undefined {
  const [, protocol, first, last] = /^(tcp|udp):(\d{1,5})-(\d{1,5})$/.exec(item) ?? [];
  const [start_port, end_port] = [Number(first), Number(last)];
  if (protocol === undefined || !(start_port > 0 && start_port <= end_port && end_port <= MAX_PORT)) return undefined;
  return { protocol, port_range: { start_port, end_port } };
}

/** A server may say of what is not there that it is null. */
function plain({ protocol, port_range }: PortTranslationPool): PortTranslationPool {
  return { protocol, ...(port_range === undefined ? {} : { port_range }) };
}

/** Under which ports pods go outside by their node's address (`port_translation_pools`, facts 1.1). Pure. */
import type { PortPool } from '../model/edges.ts';
import type { ConfigIndex } from './index-config.ts';

const PROTOCOLS = ['tcp', 'udp'] as const;

/** The ranges, in their order; a pool that says a number of ports alone leaves them to the kernel. */
export function compilePortPools(config: ConfigIndex): readonly PortPool[] {
  return config.all('global-vrouter-config').flatMap(({ port_translation_pools: pools }) =>
    (pools?.port_translation_pool ?? []).flatMap(({ protocol: name, port_range: range }) => {
      const protocol = PROTOCOLS.find((each) => each === name.toLowerCase());
      if (protocol === undefined || range === undefined) return [];
      const { start_port: first, end_port: last } = range;
      return isPort(first) && isPort(last) && first <= last ? [{ protocol, first, last }] : [];
    }),
  );
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 65_535;
}

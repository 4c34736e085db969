/** Config objects to one node's forwarding: `compile` of design section 3. Pure. */
import type { ContrailObject } from '../../contrail/objects.ts';
import type { ForwardingState } from '../model.ts';
import { compileEndpoints, compilePeers } from './endpoints.ts';
import { indexConfig } from './index-config.ts';
import { compileNetworks, FABRIC_NAME } from './networks.ts';
import { compilePassages } from './passages.ts';
import { compileServicePassages, compileServices } from './services.ts';

/** The fabric's instance before its network object is known. */
const DEFAULT_FABRIC = 1;

/** What this node forwards, from the objects it is sent. The same objects give the same state, in the same order. */
export function compile(
  config: { readonly objects: ReadonlyMap<string, ContrailObject> },
  node: string,
): ForwardingState {
  const index = indexConfig(config.objects);
  const networks = compileNetworks(index);
  const fabric = networks.find(({ name }) => name === FABRIC_NAME)?.id ?? DEFAULT_FABRIC;
  const passages = compilePassages(index, networks);
  const routers = compilePeers(index);
  const own = routers.find(({ name }) => name === node);
  const { ports, remotes } = compileEndpoints(index, networks, node);
  const services = compileServices(index, { networks, fabric, passages, ports, remotes });
  const vipNetworks = new Set(services.map(({ network }) => network));
  return {
    node,
    ...(own === undefined ? {} : { address: own.address }),
    ...(own?.address6 === undefined ? {} : { address6: own.address6 }),
    fabric,
    peers: routers.filter(({ name }) => name !== node),
    networks,
    ports,
    remotes,
    passages,
    servicePassages: compileServicePassages(services, passages),
    services,
    serviceSubnets: [
      ...new Set(networks.filter(({ id }) => vipNetworks.has(id)).flatMap(({ subnets }) => subnets)),
    ].sort(),
  };
}

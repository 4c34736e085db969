/** Rules of security groups for tests, in the words of a policy. */
import type { PolicyAddress, PolicyRule } from '../../contrail/objects.ts';
import { groupName } from './config.ts';

export interface Allowed {
  /** A group's name, a CIDR, or `all`: everybody, in both families. */
  readonly peer: string;
  readonly protocol?: string;
  readonly ports?: readonly [first: number, last: number];
}

/** What a port may receive. */
export function receives(allowed: Allowed): readonly PolicyRule[] {
  return rules(allowed, (peer) => ({ src_addresses: [peer], dst_addresses: [LOCAL] }));
}

/** What a port may send. */
export function sends(allowed: Allowed): readonly PolicyRule[] {
  return rules(allowed, (peer) => ({ src_addresses: [LOCAL], dst_addresses: [peer] }));
}

const LOCAL: PolicyAddress = { security_group: 'local' };
const EVERYBODY = ['0.0.0.0/0', '::/0'];

function rules(
  { peer, protocol = 'any', ports = [0, 65_535] }: Allowed,
  ends: (peer: PolicyAddress) => Pick<PolicyRule, 'src_addresses' | 'dst_addresses'>,
): readonly PolicyRule[] {
  const texts = peer === 'all' ? EVERYBODY : [peer];
  return texts.flatMap((text) =>
    families(text).map((ethertype) => ({
      direction: '>',
      protocol,
      ethertype,
      ...ends(addressOf(text)),
      src_ports: [{ start_port: 0, end_port: 65_535 }],
      dst_ports: [{ start_port: ports[0], end_port: ports[1] }],
    })),
  );
}

function families(peer: string): readonly ('IPv4' | 'IPv6')[] {
  if (!peer.includes('/')) return ['IPv4', 'IPv6'];
  return peer.includes(':') ? ['IPv6'] : ['IPv4'];
}

function addressOf(peer: string): PolicyAddress {
  const [prefix = '', length] = peer.split('/');
  if (length === undefined) return { security_group: groupName(peer) };
  return { subnet: { ip_prefix: prefix, ip_prefix_len: Number(length) } };
}

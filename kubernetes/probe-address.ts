/**
 * Addresses by which a node probes its pods of networks whose addresses may occur elsewhere too: of class E (240.0.0.0/4), which
 * nobody routes, or of a unique-local prefix of ours (RFC 4193). Written into the probes at admission, when the pod has no UID
 * yet: so from the request's, and from the pod's name, by which a copy of another pod is told. Pure.
 */
import { createHash } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';

/** The /64 of probes' IPv6 addresses: its last two words are made of the request, the last byte of the pod's name. */
const PREFIX_V6 = 'fd6f:6370:6e69:f::';

/** An address for one pod: of IPv4, 20 bits of the request and 8 of the pod's name; of IPv6, 23 and 8. */
export function probeAddress(requestUid: string, pod: string, family: 'v4' | 'v6'): string {
  const [a = 0, b = 0, c = 0] = digest(requestUid);
  if (family === 'v4') return [240 + (a % 15), b, c, nameByte(pod)].join('.');
  // Never a word of zero, so that there is one way to write it.
  return `${PREFIX_V6}${(0x8000 | (a * 256 + b)).toString(16)}:${(c * 256 + nameByte(pod)).toString(16)}`;
}

/** Whether an address may be one of a pod of this name. */
export function isProbeAddressOf(address: string, pod: string): boolean {
  if (!isProbeAddress(address)) return false;
  const last = isIPv4(address) ? Number(address.split('.')[3]) : Number.parseInt(address.split(':').at(-1) ?? '', 16);
  return (last & 0xff) === nameByte(pod);
}

export function isProbeAddress(address: string): boolean {
  const first = Number(address.split('.')[0]);
  return isIPv4(address) ? first >= 240 && first < 255 : isIPv6(address) && address.startsWith(PREFIX_V6);
}

function nameByte(pod: string): number {
  return digest(pod)[0] ?? 0;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The frames by which a neighbourhood learns that an address has moved: gratuitous ARP, unsolicited advertisement. Pure. */
import ipaddr from 'ipaddr.js';

const BROADCAST = 'ffffffffffff';
/** Ethernet's multicast address of ff02::1, all nodes. */
const ALL_NODES_MAC = '333300000001';
const ALL_NODES = 'ff020000000000000000000000000001';

/** A whole Ethernet frame that says an address is at a MAC. */
export function announcementFrame(address: string, mac: string): Buffer {
  const hardware = mac.replaceAll(':', '');
  return Buffer.from(
    address.includes(':') ? advertisement(address, hardware) : gratuitousArp(address, hardware),
    'hex',
  );
}

/** RFC 5227, section 3: a request in which sender and target address are the same. */
function gratuitousArp(address: string, mac: string): string {
  const ip = hexOf(address);
  return `${BROADCAST}${mac}08060001080006040001${mac}${ip}000000000000${ip}`;
}

/** RFC 4861, 4.4 and 7.2.6: to all nodes, with the override flag and the target's link-layer address. */
function advertisement(address: string, mac: string): string {
  const source = hexOf(address);
  const body = `20000000${source}0201${mac}`;
  const checksum = checksumOf(`${source}${ALL_NODES}000000200000003a88000000${body}`);
  return `${ALL_NODES_MAC}${mac}86dd6000000000203aff${source}${ALL_NODES}8800${checksum}${body}`;
}

function checksumOf(hex: string): string {
  let sum = 0;
  for (let at = 0; at < hex.length; at += 4) sum += Number.parseInt(hex.slice(at, at + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return (~sum & 0xffff).toString(16).padStart(4, '0');
}

/** An address of either family as its bytes. */
function hexOf(address: string): string {
  return Buffer.from(ipaddr.parse(address).toByteArray()).toString('hex');
}

/** Packets byte by byte, for what no well-behaved sender would send. */

export interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly sourcePort?: number;
  readonly port: number;
  readonly payload: string;
}

/** An IPv4 packet with a UDP datagram (checksum 0: none). */
export function udpPacket(datagram: Datagram): Buffer {
  return ipv4Packet(datagram, { id: 0, fragment: 0, body: udpBody(datagram) });
}

/** The two IPv4 fragments of a UDP datagram, cut at 8 bytes of payload. */
export function udpFragments(datagram: Datagram, id: number): readonly [Buffer, Buffer] {
  const body = udpBody(datagram);
  const moreFragments = 0x2000;
  return [
    ipv4Packet(datagram, { id, fragment: moreFragments, body: body.subarray(0, 16) }),
    ipv4Packet(datagram, { id, fragment: 2, body: body.subarray(16) }),
  ];
}

/** The payload of a UDP datagram to port 4789 that carries `packet` in network `vni` to a machine's tunnel device. */
export function vxlanPayload(vni: number, deviceMac: string, packet: Buffer): Buffer {
  const header = Buffer.from([0x08, 0, 0, 0, vni >> 16, (vni >> 8) & 255, vni & 255, 0]);
  const ethernet = Buffer.from(`${deviceMac.replaceAll(':', '')}02000000dead0800`, 'hex');
  return Buffer.concat([header, ethernet, packet]);
}

function udpBody({ sourcePort = 4000, port, payload }: Datagram): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(sourcePort, 0);
  head.writeUInt16BE(port, 2);
  head.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([head, Buffer.from(payload)]);
}

function ipv4Packet(
  { from, to }: Datagram,
  { id, fragment, body }: { id: number; fragment: number; body: Buffer },
): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt8(0x45, 0);
  head.writeUInt16BE(20 + body.length, 2);
  head.writeUInt16BE(id, 4);
  head.writeUInt16BE(fragment, 6);
  head.writeUInt8(64, 8);
  head.writeUInt8(17, 9);
  Buffer.from(from.split('.').map(Number)).copy(head, 12);
  Buffer.from(to.split('.').map(Number)).copy(head, 16);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += head.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  head.writeUInt16BE(~sum & 0xffff, 10);
  return Buffer.concat([head, body]);
}

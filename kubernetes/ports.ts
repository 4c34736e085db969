/** The annotation `opencontrail.org/ports`: what workers allocated for a pod, and what node agents plumb. Pure. */
import { z } from 'zod';

const PortSchema = z
  .object({
    /** The interface in the pod, `eth0`. */
    name: z.string().min(1),
    /** UUID of the virtual-machine-interface. */
    vmi: z.string().min(1),
    /** Fully qualified name of the virtual-network, its parts joined by colons. */
    network: z.string().min(1),
    /** UUID of the virtual-network. */
    networkId: z.string().min(1),
    mac: z.string().min(1),
    /** Addresses with the subnet's length: `10.47.255.249/12`. */
    ips: z.array(z.string()).min(1).readonly(),
    gateway: z.string().optional(),
    dns: z.array(z.string()).default([]).readonly(),
    /** Bytes; 0 leaves it to the node: the underlay's less 50. */
    mtu: z.number().int().min(0).default(0),
    /** The NetworkAttachmentDefinition it comes from, `namespace/name`; absent for the first interface. */
    attachment: z.string().optional(),
    /** Whether the pod's default route leaves through it; where no interface says so, through the first. */
    defaultRoute: z.boolean().optional(),
    /** Destinations that leave through it although the default route does not, as CIDRs; its own subnets always do. */
    routes: z.array(z.string()).readonly().optional(),
  })
  .readonly();

const PodPortsSchema = z
  .object({ version: z.literal(1), uid: z.string().min(1), interfaces: z.array(PortSchema).min(1).readonly() })
  .readonly();

/** One interface of a pod as it was allocated. */
/** The name of a pod's first interface, which carries its address in Kubernetes. */
export const FIRST_INTERFACE = 'eth0';

export type PodPort = z.infer<typeof PortSchema>;
/** All interfaces of the pod whose UID it carries. */
export type PodPorts = z.infer<typeof PodPortsSchema>;

/** Reads the annotation; `undefined` where it is absent, unreadable, or of a version we do not know. */
export function parsePorts(text: string | undefined): PodPorts | undefined {
  if (text === undefined) return undefined;
  try {
    return PodPortsSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON: nothing of ours.
  }
}

/** Reads the annotation as the ports of the pod `uid`; `undefined` also where they are a predecessor's. */
export function portsOfPod(text: string | undefined, uid: string): PodPorts | undefined {
  const ports = parsePorts(text);
  return ports?.uid === uid ? ports : undefined;
}

/** The annotation's text: the same for the same ports. */
export function formatPorts({ uid, interfaces }: Omit<PodPorts, 'version'>): string {
  return JSON.stringify({
    version: 1,
    uid,
    interfaces: interfaces.map((port) => {
      const { name, vmi, network, networkId, mac, ips, gateway, dns, mtu, attachment, defaultRoute, routes } = port;
      // JSON leaves out what is undefined.
      return { name, vmi, network, networkId, mac, ips, gateway, dns, mtu, attachment, defaultRoute, routes };
    }),
  });
}

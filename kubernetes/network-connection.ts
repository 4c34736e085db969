/** The resource NetworkConnection (`opencontrail.org/v1alpha1`) as programs read it. Pure. */
import { z } from 'zod';
import { ANNOTATION } from './annotations.ts';
import type { KubeObject } from './client.ts';
import { collectionPath, type RawResource, type SlimResource, slimResource } from './resources.ts';

/** The collection's path. */
export const NETWORK_CONNECTIONS = collectionPath('networkconnections');

/** A network as connections and chains name it. */
export const ConnectedNetworkSchema = z
  .object({
    kind: z
      .enum(['VirtualNetwork', 'NetworkAttachmentDefinition', 'Namespace', 'App', 'Cluster', 'Network'])
      .default('VirtualNetwork'),
    name: z.string().default(''),
    /** Where the named object is, if not in the connection's own namespace. */
    namespace: z.string().optional(),
  })
  .readonly();
const ConnectionPortSchema = z
  .object({
    protocol: z.enum(['TCP', 'UDP', 'SCTP', 'ICMP']).default('TCP'),
    port: z.number().optional(),
    endPort: z.number().optional(),
  })
  .readonly();
const SpecSchema = z.object({
  networks: z.array(ConnectedNetworkSchema).readonly().default([]),
  ports: z.array(ConnectionPortSchema).readonly().default([]),
  /** A ServiceChain of its namespace. */
  through: z.string().optional(),
  /** A pod of its namespace that is sent copies of what it lets pass. */
  mirror: z.string().optional(),
});
const RequesterSchema = z.object({ user: z.string(), groups: z.array(z.string()).readonly() }).readonly();

/** A network that a connection names. */
export type ConnectedNetwork = z.infer<typeof ConnectedNetworkSchema>;
/** Who has asked for a connection as it reads: the value of the annotation `opencontrail.org/requester`. */
export type Requester = z.infer<typeof RequesterSchema>;

export interface SlimNetworkConnection extends z.infer<typeof SpecSchema>, SlimResource {
  /** `undefined` where admission has not seen it. */
  readonly requester: Requester | undefined;
}

export function slimNetworkConnection(raw: KubeObject): SlimNetworkConnection {
  const { metadata, spec } = raw as RawResource;
  return {
    ...slimResource(raw),
    ...connectionSpec(spec),
    requester: parseRequester(metadata.annotations?.[ANNOTATION.requester]),
  };
}

/** What a connection's `spec` says. The API server has validated it against the resource's schema. */
export function connectionSpec(spec: unknown): z.infer<typeof SpecSchema> {
  return SpecSchema.parse(spec ?? {});
}

/** What a connection asks for as texts of its status; `null` takes away what stands there. */
export function connectionTexts({ networks, ports, through }: SlimNetworkConnection): {
  readonly connects: string;
  readonly traffic: string;
  readonly through: string | null;
} {
  return { connects: networksText(networks), traffic: trafficText(ports), through: through ?? null };
}

/** Such as `blue, billing/red, Namespace audit`. */
function networksText(networks: readonly ConnectedNetwork[]): string {
  const texts = networks.map(({ kind, name, namespace }) => {
    const where = namespace === undefined ? name : `${namespace}/${name}`;
    return kind === 'VirtualNetwork' || kind === 'Network' ? where : `${kind} ${where}`.trim();
  });
  return texts.join(', ');
}

/** Such as `TCP 80-90, ICMP`. */
function trafficText(ports: SlimNetworkConnection['ports']): string {
  if (ports.length === 0) return 'everything';
  const texts = ports.map(({ protocol, port, endPort = port }) => {
    if (port === undefined) return protocol;
    return `${protocol} ${endPort === port ? port : `${port}-${endPort}`}`;
  });
  return texts.join(', ');
}

/** The annotation's text. */
export function formatRequester(requester: Requester): string {
  return JSON.stringify(requester);
}

function parseRequester(text: string | undefined): Requester | undefined {
  if (text === undefined) return undefined;
  try {
    return RequesterSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON: nobody's of ours.
  }
}

/** What `why` asks and what it answers. The schemas are the vRouter's `/introspect/verdicts`. */
import { z } from 'zod';
import type { PodEnd } from '../reach/directory.ts';

/** Numbers of protocols (IANA). */
export const PROTOCOLS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1 } as const;
export type Protocol = keyof typeof PROTOCOLS;

/** A flow that is asked about; `to` is an address, `what` what the user called it. */
export interface Flow {
  readonly source: PodEnd;
  readonly to: string;
  readonly what: string;
  /** Whether that is a pod with a network of its own: then nobody outside the cluster is meant. */
  readonly isPod?: boolean;
  readonly protocol: Protocol;
  readonly port: number;
}

const span = z.tuple([z.number(), z.number()]);
const allowance = z.object({
  by: z.string(),
  peer: z.union([
    z.object({ kind: z.literal('block'), cidr: z.string() }),
    z.object({ kind: z.literal('group'), group: z.string(), family: z.string() }),
  ]),
  traffic: z.object({ protocols: span, destinationPorts: span }),
});
const groups = z.array(z.string());
const policy = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('exempt'), groups }),
  z.object({ kind: z.literal('unrestricted'), groups }),
  z.object({ kind: z.literal('judged'), isAllowed: z.boolean(), tier: z.string(), by: z.array(allowance), groups }),
]);
const passing = {
  network: z.string(),
  passing: z.enum(['open', 'limited', 'chained', 'service', 'host', 'beyond-limits', 'unserved', 'unconnected']),
  by: z.array(z.string()),
};

export const sourceVerdictSchema = z.object({
  network: z.string(),
  service: z.object(passing).optional(),
  ways: z.array(
    z.object({
      ...passing,
      address: z.string(),
      port: z.number(),
      seenAs: z.object({ address: z.string(), network: z.string().optional() }),
      policy,
    }),
  ),
  nowhere: z.enum(['refused', 'silent', 'unknown', 'led']).optional(),
  guide: z.object({ node: z.string(), seenAs: z.string() }).optional(),
});
export const targetVerdictSchema = z.object({ network: z.string(), policy });

export type PolicyVerdict = z.infer<typeof policy>;
export type SourceVerdict = z.infer<typeof sourceVerdictSchema>;
export type SourceWay = SourceVerdict['ways'][number];
export type PassingVerdict = Pick<SourceWay, 'network' | 'passing' | 'by'>;

/** What a port's policies say, in the words of Kubernetes. */
export interface PolicyReason {
  readonly direction: 'ingress' | 'egress';
  readonly pod: string;
  readonly node: string;
  readonly verdict: 'exempt' | 'unrestricted' | 'allowed' | 'denied';
  /** Policies with the rules that allow it, or, where it is denied, those that restrict the pod. */
  readonly by: readonly string[];
  /** Whether a rule that allows or denies has decided, which is then in `by`; else what is not allowed is denied. */
  readonly isByRule: boolean;
}

/** One address that a flow may end at. */
export interface WayAnswer {
  readonly target: string;
  readonly address: string;
  readonly port: number;
  readonly isAllowed: boolean;
  readonly passing: PassingVerdict;
  readonly policies: readonly PolicyReason[];
}

export interface Answer {
  readonly from: string;
  readonly to: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** `some`: some back ends of a service, and not all. */
  readonly verdict: 'allowed' | 'denied' | 'some';
  readonly network: string;
  readonly service?: PassingVerdict;
  /** `astray`: the sender's node takes the address of a pod for one outside the cluster. */
  readonly nowhere?: SourceVerdict['nowhere'] | 'astray';
  readonly ways: readonly WayAnswer[];
}

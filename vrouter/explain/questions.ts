/** What a node can be asked of a flow, and what it answers: the wire of `/introspect/verdicts`. */
import { z } from 'zod';
import type { PolicyVerdict } from '../compile/verdict.ts';
import type { Passing } from './passing.ts';

const asked = { protocol: z.number().int().min(0).max(255), port: z.number().int().min(0).max(65_535) };
const address = z.union([z.ipv4(), z.ipv6()]);

/**
 * Of the end that sends (without a `vmi` the node itself, or with `led` another node, whose guide it is), what becomes of a flow to
 * an address.
 */
const ofSource = z.object({
  end: z.literal('source'),
  vmi: z.string().optional(),
  led: z.boolean().optional(),
  to: address,
  ...asked,
});
/** Of the end that receives; `network` is the colon-form name of the sender's, where it keeps its address. */
const ofTarget = z.object({
  end: z.literal('target'),
  vmi: z.string(),
  from: address,
  network: z.string().optional(),
  ...asked,
});

export type SourceQuestion = z.infer<typeof ofSource>;
export type TargetQuestion = z.infer<typeof ofTarget>;

const question = z.discriminatedUnion('end', [ofSource, ofTarget]);
export type Question = z.infer<typeof question>;

const fqName = z.array(z.string());
/** Security groups that are not there, or are otherwise, and the names of the groups that interfaces are in then. */
const hypothesis = z.object({
  groups: z.array(z.looseObject({ uuid: z.string(), fq_name: fqName })),
  interfaces: z.array(z.object({ vmi: z.string(), groups: z.array(fqName) })),
});
export type Hypothesis = z.infer<typeof hypothesis>;

export const askedSchema = z.object({
  questions: z.array(question).max(10_000),
  /** What the answers are to suppose. */
  supposing: hypothesis.optional(),
});

/** What a port's policy says; `exempt` is what is never judged: between a pod and its own node, and of a pod with itself. */
export type EndVerdict = (PolicyVerdict | { readonly kind: 'exempt' }) & { readonly groups: readonly string[] };

/** Whether networks let a flow pass, and the network policies that join the two; of a chain, its services in the flow's order. */
export interface PassingVerdict {
  readonly network: string;
  readonly passing: Passing;
  readonly by: readonly string[];
}

/** What becomes of a flow, as its source's node sees it. */
export interface SourceVerdict {
  readonly network: string;
  /** The service that the address is; the ways lead to its back ends then. */
  readonly service?: PassingVerdict;
  readonly ways: readonly (PassingVerdict & {
    readonly address: string;
    readonly port: number;
    /** How the other end sees the sender. */
    readonly seenAs: { readonly address: string; readonly network?: string };
    readonly policy: EndVerdict;
  })[];
  /** Why there is no way. */
  readonly nowhere?: 'refused' | 'silent' | 'unknown' | 'led';
  /** The node that has to be asked where this one is led, and the address that the other end sees then. */
  readonly guide?: { readonly node: string; readonly seenAs: string };
}

/** What the target's node says. */
export interface TargetVerdict {
  readonly network: string;
  readonly policy: EndVerdict;
}

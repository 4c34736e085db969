/** Gathers what handlers may know: from caches, or by a bounded GET where a cache may be behind. */
import { ANNOTATION } from '../kubernetes/annotations.ts';
import type { AssignmentContext } from '../kubernetes/assignment.ts';
import {
  attachmentDefinitionPath,
  type SlimAttachmentDefinition,
  slimAttachmentDefinition,
} from '../kubernetes/attachment-definition.ts';
import { definitionsNamed } from '../kubernetes/attachments.ts';
import type { Reflector } from '../kubernetes/cache.ts';
import { chainNamed } from '../kubernetes/chain-interfaces.ts';
import type { KubeClient } from '../kubernetes/client.ts';
import { type SlimNamespace, slimNamespace } from '../kubernetes/objects.ts';
import { namespaceOfNetwork } from '../kubernetes/custom-network.ts';
import { objectPath } from '../kubernetes/resources.ts';
import { type SlimServiceChain, slimServiceChain } from '../kubernetes/service-chain.ts';
import type { SlimVirtualNetwork } from '../kubernetes/virtual-network.ts';
import type { AddressBook } from './address-book.ts';
import type { ClusterView } from './handlers/handler.ts';
import { type AdmissionRequest, annotationsOf } from './review.ts';

/** Of the two seconds that a call has, what a GET may take. */
const GET_TIMEOUT_MS = 700;
/** A cache without a watch for this long is not believed. */
const MAX_STALENESS_MS = 5000;

export interface ViewDeps {
  readonly namespaces: Pick<Reflector<SlimNamespace>, 'get' | 'stalenessMs'>;
  readonly definitions: Pick<Reflector<SlimAttachmentDefinition>, 'get' | 'stalenessMs'>;
  readonly addresses: Pick<AddressBook, 'holderOf' | 'usersOf'>;
  readonly client: Pick<KubeClient, 'get'>;
  readonly context: AssignmentContext;
  readonly podCidrs: readonly string[];
  readonly probesByAddress: boolean;
  readonly virtualNetworks: Pick<Reflector<SlimVirtualNetwork>, 'get' | 'list'>;
}

/** The view for one request. What was made a moment ago may not be in the cache yet, so absence is confirmed. */
export function createView(deps: ViewDeps): (request: AdmissionRequest) => ClusterView | Promise<ClusterView> {
  const { namespaces } = deps;
  const base = unasked(deps);
  return (request) => {
    if (request.namespace === '' || request.resource.resource === 'namespaces')
      return { ...base, namespace: undefined };
    const namespace = namespaces.get(request.namespace);
    const isKnown = namespace !== undefined && namespaces.stalenessMs() < MAX_STALENESS_MS;
    const named = definitionsNamed(annotationsOf(request.object), request.namespace);
    const chain = chainOfNew(request);
    if (isKnown && named.length === 0 && chain === undefined) return { ...base, namespace };
    return gather(request.namespace, { namespace: isKnown ? namespace : undefined, named, chain }, deps);
  };
}

async function gather(
  home: string,
  known: {
    readonly namespace: SlimNamespace | undefined;
    readonly named: readonly { readonly namespace: string; readonly name: string }[];
    readonly chain: string | undefined;
  },
  deps: ViewDeps,
): Promise<ClusterView> {
  const [namespace, chain, ...definitions] = await Promise.all([
    known.namespace ?? readNamespace(home, deps),
    known.chain === undefined ? undefined : readChain(home, known.chain, deps),
    ...known.named.map(async (each) => await readDefinition(each, deps)),
  ]);
  const found = new Map(definitions.map((each) => [`${each?.namespace}/${each?.name}`, each]));
  const context = {
    ...deps.context,
    definitionOf: (where: string, name: string) => found.get(`${where}/${name}`),
    chainOf: () => chain,
  };
  return { ...unasked(deps), context, namespace };
}

/** The chain that a pod names, where its interfaces are to be decided. */
function chainOfNew({ operation, resource, object, oldObject }: AdmissionRequest): string | undefined {
  if (resource.resource !== 'pods') return undefined;
  const [after, before] = [annotationsOf(object), annotationsOf(oldObject)];
  const isDecided = operation !== 'CREATE' && after[ANNOTATION.assignment] === before[ANNOTATION.assignment];
  return isDecided ? undefined : chainNamed(after);
}

/** What is the same for all requests. */
function unasked({ addresses, context, podCidrs, probesByAddress, virtualNetworks }: ViewDeps) {
  const subnetsOf = (network: string): readonly string[] | undefined => {
    const fqName = network.split(':');
    const namespace = namespaceOfNetwork(fqName, context.names);
    return virtualNetworks.get(`${namespace ?? ''}/${fqName.at(-1) ?? ''}`)?.subnets.map(({ cidr }) => cidr);
  };
  const routedNetworks = (): readonly SlimVirtualNetwork[] =>
    virtualNetworks.list().filter(({ forwarding }) => forwarding);
  const { holderOf, usersOf } = addresses;
  return { context, podCidrs, probesByAddress, subnetsOf, routedNetworks, holderOf, usersOf };
}

async function readNamespace(name: string, { client }: ViewDeps): Promise<SlimNamespace | undefined> {
  const raw = await client.get(`/api/v1/namespaces/${name}`, { timeoutMs: GET_TIMEOUT_MS });
  return raw === undefined ? undefined : slimNamespace(raw);
}

async function readChain(namespace: string, name: string, { client }: ViewDeps): Promise<SlimServiceChain | undefined> {
  const raw = await client.get(objectPath('servicechains', namespace, name), { timeoutMs: GET_TIMEOUT_MS });
  return raw === undefined ? undefined : slimServiceChain(raw);
}

async function readDefinition(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { client, definitions }: ViewDeps,
): Promise<SlimAttachmentDefinition | undefined> {
  const cached = definitions.get(`${namespace}/${name}`);
  if (cached !== undefined && definitions.stalenessMs() < MAX_STALENESS_MS) return cached;
  const raw = await client.get(attachmentDefinitionPath(namespace, name), { timeoutMs: GET_TIMEOUT_MS });
  return raw === undefined ? undefined : slimAttachmentDefinition(raw);
}

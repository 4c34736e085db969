/** What a port of a Service becomes: a listener with a pool of members (facts 5.1). Pure. */
import { partUuid } from '../names.ts';
import type { ContrailObject } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { listenerAnnotations, memberAnnotations, type Placement, poolAnnotations } from '../traffic.ts';
import { memberOf } from './member.ts';
import { inProject, to } from './owner.ts';

export interface ServicePortInput {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  readonly nodePort?: number;
  readonly backends: readonly BackendInput[];
}

export interface BackendInput {
  readonly address: string;
  readonly port: number;
  /** The pod behind the address, where there is one: its machine's and its interface's UUID. */
  readonly pod?: { readonly vm: string; readonly vmi: string };
  readonly placement?: Placement;
  /** It is on its way out, and takes new flows only where nobody else can. */
  readonly draining?: boolean;
}

/** Whose the port is. */
interface Subject {
  readonly uid: string;
  readonly affinitySeconds?: number;
}

interface Context {
  readonly loadbalancer: ContrailObject;
  readonly owner: Owner;
  /** Who checks the members. */
  readonly monitor?: ContrailObject | undefined;
}

/** The listener of a port, its pool and its members. */
export function listenerObjects(subject: Subject, port: ServicePortInput, context: Context): readonly ContrailObject[] {
  const listener = listenerOf(subject, port, context);
  const pool = poolOf(subject, port, { ...context, listener });
  return [listener, pool, ...distinct(port.backends).map((backend) => member(pool, backend, context.owner))];
}

/**
 * Contrail has no name for SCTP: such a listener names no protocol, rather than one that it is not (facts 9.3), and says its
 * own in an annotation.
 */
function listenerOf({ uid }: Subject, port: ServicePortInput, { loadbalancer, owner }: Context): ContrailObject {
  const { protocol, nodePort } = port;
  const uuid = partUuid(uid, 'listener', protocol, String(port.port));
  const name = `${loadbalancer.fq_name.at(-1)}-${protocol}-${port.port}-${uuid}`;
  const known = protocol === 'SCTP' ? {} : { protocol };
  const transport = protocol === 'SCTP' ? protocol : undefined;
  return inProject(
    { type: 'loadbalancer-listener', uuid, fqName: [...loadbalancer.fq_name.slice(0, -1), name] },
    owner,
    {
      display_name: name,
      loadbalancer_listener_properties: { ...known, protocol_port: port.port, admin_state: true },
      loadbalancer_refs: [to(loadbalancer.fq_name)],
      ...annotationsFor(owner, { portName: port.name, ...listenerAnnotations({ nodePort, transport }) }),
    },
  );
}

function poolOf(
  { uid, affinitySeconds }: Subject,
  { protocol, port }: ServicePortInput,
  { owner, listener, monitor }: Context & { readonly listener: ContrailObject },
): ContrailObject {
  const uuid = partUuid(uid, 'pool', protocol, String(port));
  return inProject({ type: 'loadbalancer-pool', uuid, fqName: listener.fq_name }, owner, {
    display_name: listener.fq_name.at(-1),
    loadbalancer_pool_properties: {
      // A pool must name a protocol of Contrail's; what counts is its listener's.
      protocol: protocol === 'SCTP' ? 'UDP' : protocol,
      admin_state: true,
      session_persistence: affinitySeconds === undefined ? null : 'SOURCE_IP',
    },
    loadbalancer_listener_refs: [to(listener.fq_name)],
    loadbalancer_healthmonitor_refs: monitor === undefined ? [] : [to(monitor.fq_name)],
    ...annotationsFor(owner, poolAnnotations(affinitySeconds)),
  });
}

/** One backend may appear in several slices while they are being rewritten (EndpointSlice documentation, "Duplicates"). */
function distinct(backends: readonly BackendInput[]): readonly BackendInput[] {
  const ready = backends.filter(({ draining }) => draining !== true);
  const all = [...backends.filter(({ draining }) => draining === true), ...ready];
  return [...new Map(all.map((backend) => [`${backend.address} ${backend.port}`, backend])).values()];
}

function member(pool: ContrailObject, backend: BackendInput, owner: Owner): ContrailObject {
  const { pod, placement = {}, draining = false } = backend;
  const annotations = { vm: pod?.vm, vmi: pod?.vmi, ...memberAnnotations(placement, draining) };
  return memberOf(pool, { ...backend, isUp: !draining }, annotationsFor(owner, annotations));
}

/** What an Ingress becomes: a load balancer with a listener, a pool and a member for each path (facts 1.6, 5.7). Pure. */
import { partUuid } from '../names.ts';
import type { ContrailObject } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { memberOf } from './member.ts';
import { inProject, type Naming, ownerFor, to } from './owner.ts';

export interface IngressInput {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Where it is reached: the first is the load balancer's. */
  readonly addresses: readonly string[];
  readonly rules: readonly IngressRule[];
}

export interface IngressRule {
  /** A path of a host, or what is taken where none matches. */
  readonly kind: 'acl' | 'default';
  readonly host: string;
  readonly path: string;
  readonly exact: boolean;
  readonly member: { readonly address: string; readonly port: number; readonly service: string };
  /** The certificate's Secret, where there is TLS. */
  readonly secret?: { readonly name: string; readonly isDefault: boolean };
}

/** No driver of Contrail's serves it: our proxies do, and svc-monitor is to start no HAProxy of its own (facts 5.2). */
const PROVIDER = 'opencontrail-proxy';

/** Everything under the key `Ingress/<namespace>/<name>`. The load balancer's UUID is the Ingress's UID. */
export function desiredIngress(input: IngressInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name, uid, addresses, rules } = input;
  const owner = ownerFor({ kind: 'Ingress', namespace, name }, naming);
  const identity = { type: 'loadbalancer', uuid: uid, fqName: naming.names.loadbalancer(namespace, name, uid) };
  const [address] = addresses;
  const loadbalancer = inProject(identity, owner, {
    display_name: `${namespace}__${name}`,
    loadbalancer_provider: PROVIDER,
    loadbalancer_properties: {
      provisioning_status: 'ACTIVE',
      operating_status: 'ONLINE',
      admin_state: true,
      ...(address === undefined ? {} : { vip_address: address }),
    },
  });
  const parts = rules.flatMap((rule) => [
    ...listenerObjects(rule, { protocol: 'HTTP', port: 80, loadbalancer, owner }),
    ...(rule.secret === undefined
      ? []
      : listenerObjects(rule, { protocol: 'TERMINATED_HTTPS', port: 443, loadbalancer, owner })),
  ]);
  // One path may be asked for twice; the first counts, as it does in the proxy.
  const distinct = new Map([...parts].reverse().map((part) => [part.uuid, part]));
  return [loadbalancer, ...[...distinct.values()].reverse()];
}

interface Context {
  readonly protocol: 'HTTP' | 'TERMINATED_HTTPS';
  readonly port: number;
  readonly loadbalancer: ContrailObject;
  readonly owner: Owner;
}

function listenerObjects(rule: IngressRule, context: Context): readonly ContrailObject[] {
  const { protocol, port, loadbalancer, owner } = context;
  const place = [protocol, rule.kind, rule.host, rule.path, String(rule.exact)];
  const uuid = partUuid(loadbalancer.uuid, 'listener', ...place);
  const name = `${loadbalancer.fq_name.at(-1)}-${protocol}-${port}-${uuid}`;
  const fqName = [...loadbalancer.fq_name.slice(0, -1), name];
  const listener = inProject({ type: 'loadbalancer-listener', uuid, fqName }, owner, {
    display_name: name,
    loadbalancer_listener_properties: { protocol, protocol_port: port, admin_state: true, ...tlsOf(rule, context) },
    loadbalancer_refs: [to(loadbalancer.fq_name)],
  });
  const pool = inProject({ type: 'loadbalancer-pool', uuid: partUuid(uuid, 'pool'), fqName }, owner, {
    display_name: name,
    loadbalancer_pool_properties: { protocol: 'HTTP', loadbalancer_method: 'ROUND_ROBIN', admin_state: true },
    loadbalancer_listener_refs: [to(fqName)],
    ...annotationsFor(owner, annotationsOf(rule)),
  });
  return [listener, pool, memberOf(pool, rule.member, annotationsFor(owner, { serviceName: rule.member.service }))];
}

/** Contrail's name for a certificate is `<namespace>__<secret>`. */
function tlsOf({ secret }: IngressRule, { protocol, owner }: Context): object {
  if (secret === undefined || protocol === 'HTTP') return {};
  const container = `${owner.namespace}__${secret.name}`;
  return secret.isDefault ? { default_tls_container: container } : { sni_containers: [container] };
}

function annotationsOf({ kind, host, path, exact }: IngressRule): Readonly<Record<string, string | undefined>> {
  if (kind === 'default') return { type: kind };
  return { type: kind, ...(host === '' ? {} : { host }), path, pathType: exact ? 'Exact' : 'Prefix' };
}

/**
 * Who is to be asked whether they are well, of those on this node: members of pools that have a health monitor, and
 * interfaces that have a service health check. Pure.
 */
import { annotationOf } from '../../contrail/objects.ts';
import type { LoadbalancerHealthmonitor, LoadbalancerMember, ServiceHealthCheck } from '../../contrail/objects.ts';
import { isDraining, monitoredPortOf, placementOf } from '../../contrail/traffic.ts';
import type { Port } from '../model/networks.ts';
import type { HealthCheck } from '../model/services.ts';
import type { ConfigIndex } from './index-config.ts';

type MonitorProperties = NonNullable<LoadbalancerHealthmonitor['loadbalancer_healthmonitor_properties']>;

interface Context {
  readonly node: string;
  readonly ports: readonly Port[];
}

/** Every check of this node's, sorted. */
export function compileHealthChecks(config: ConfigIndex, { node, ports }: Context): readonly HealthCheck[] {
  const byVmi = new Map(ports.map((port) => [port.vmi, port]));
  const ofMembers = config.all('loadbalancer-healthmonitor').flatMap((monitor) =>
    config
      .referrers(monitor.uuid, 'loadbalancer-pool')
      .flatMap((pool) => config.members(pool.uuid))
      .filter((member) => placementOf(member).node === node)
      .flatMap((member) => memberCheck(monitor, member, byVmi.get(annotationOf(member, 'vmi') ?? ''))),
  );
  const ofInterfaces = config
    .all('service-health-check')
    .flatMap((check) =>
      config
        .referrers(check.uuid, 'virtual-machine-interface')
        .flatMap((vmi) => interfaceCheck(check, byVmi.get(vmi.uuid))),
    );
  return [...ofMembers, ...ofInterfaces].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

const keyOf = ({ subject, address }: HealthCheck): string => `${subject} ${address}`;

function memberCheck(
  monitor: LoadbalancerHealthmonitor,
  member: LoadbalancerMember,
  port: Port | undefined,
): readonly HealthCheck[] {
  const properties = monitor.loadbalancer_healthmonitor_properties;
  const { address, protocol_port: own } = member.loadbalancer_member_properties ?? {};
  if (properties === undefined || properties.admin_state === false || address === undefined) return [];
  if (!mayServe(member)) return [];
  const { delay, timeout, max_retries: retries } = properties;
  const at = port === undefined ? address : reached(port, address);
  const question = questionOf(properties, monitoredPortOf(monitor) ?? own);
  const times = { delayMs: delay * 1000, timeoutMs: timeout * 1000, retries };
  return [{ subject: member.uuid, address: at, ...question, ...times }];
}

function mayServe(member: LoadbalancerMember): boolean {
  return isDraining(member) || member.loadbalancer_member_properties?.admin_state !== false;
}

function questionOf(
  { monitor_type: type, url_path: path = '/' }: MonitorProperties,
  port: number | undefined,
): Pick<HealthCheck, 'type' | 'port' | 'path'> {
  if (type === 'PING' || port === undefined) return { type };
  return type === 'TCP' ? { type, port } : { type, port, path };
}

/** BFD is between routers; what Contrail asks by a URL, it asks of the interface, whatever host the URL names. */
function interfaceCheck(check: ServiceHealthCheck, port: Port | undefined): readonly HealthCheck[] {
  const properties = check.service_health_check_properties;
  if (properties === undefined || properties.enabled === false || port === undefined) return [];
  const { monitor_type: type, max_retries: retries } = properties;
  const [address] = port.addresses;
  if (type === 'BFD' || address === undefined) return [];
  return [
    {
      subject: port.vmi,
      address: reached(port, address),
      ...(type === 'PING' ? { type } : urlOf(properties.url_path ?? '/')),
      delayMs: inMs(properties.delay, properties.delayUsecs),
      timeoutMs: inMs(properties.timeout, properties.timeoutUsecs),
      retries,
    },
  ];
}

const inMs = (seconds: number, microseconds = 0): number => seconds * 1000 + microseconds / 1000;

function urlOf(text: string): Pick<HealthCheck, 'type' | 'port' | 'path'> {
  const { protocol, port, pathname, search } = new URL(text, 'http://local-ip');
  const isTls = protocol === 'https:';
  const known = isTls ? 443 : 80;
  return { type: isTls ? 'HTTPS' : 'HTTP', port: port === '' ? known : Number(port), path: `${pathname}${search}` };
}

/** Where the node reaches a port of its own, by one of the port's addresses. */
function reached({ probe, addresses }: Port, address: string): string {
  const isProbed = probe !== undefined && addresses.includes(address) && probe.includes(':') === address.includes(':');
  return isProbed ? probe : address;
}

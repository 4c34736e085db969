/** Every derived name, fully qualified name and UUID of the project (facts 1.1 to 1.4; design rule 5). Pure. */
import type { FqName } from './objects.ts';
import { OPENCONTRAIL_NAMESPACE, uuidV5 } from './uuid.ts';

/** What names are derived from: the cluster's name (facts `<C>`) and its Contrail domain (facts `<D>`). */
export interface NamingConfig {
  readonly cluster: string;
  readonly domain: string;
}

export const IP_FABRIC: FqName = ['default-domain', 'default-project', 'ip-fabric'];
const GLOBAL_SYSTEM_CONFIG: FqName = ['default-global-system-config'];
/** The annotation `owner` of every object made by this project (facts 1.0). */
export const OWNER = 'k8s';

/** The UUID of any object that is known by type and name alone. Pods, services and their parts use their own (below). */
export function uuidOf(type: string, fqName: FqName): string {
  return uuidV5(OPENCONTRAIL_NAMESPACE, `${type} ${fqName.join(':')}`);
}

/** The UUID of a part of something that already has one: `partUuid(podUid, 'vmi', 'eth0')`. */
export function partUuid(owner: string, ...part: readonly string[]): string {
  return uuidV5(owner, part.join(' '));
}

/** The `rule_uuid` of everything that one rule of a NetworkPolicy becomes, by which what the vRouter counts is told as its. */
export function policyRuleUuid(policyUid: string, direction: 'ingress' | 'egress', index: number): string {
  return uuidOf('policy-rule', [policyUid, direction, `${index}`]);
}

/** The names of one cluster's objects. */
export type Names = ReturnType<typeof createNames>;

/** The names of one cluster's objects, by what they are for. */
export function createNames(config: NamingConfig) {
  const { cluster, domain } = config;
  const project = (namespace: string): FqName => [domain, `${cluster}-${namespace}`];
  const within = (namespace: string, name: string): FqName => [...project(namespace), name];
  return {
    project,
    podIpam: within('default', `${cluster}-pod-ipam`),
    serviceIpam: within('default', `${cluster}-service-ipam`),
    clusterPodNetwork: within('default', `${cluster}-default-pod-network`),
    clusterServiceNetwork: within('default', `${cluster}-default-service-network`),
    ipFabricPolicy: within('default', `${cluster}-default-ip-fabric-np`),
    servicePolicy: within('default', `${cluster}-default-service-np`),
    podServicePolicy: within('default', `${cluster}-default-pod-service-np`),
    /** Lets networks of users' own reach the cluster's services; attached and detached by us alone, so that it is ours to take away. */
    customServicePolicy: within('default', `${cluster}-default-custom-service-np`),
    /** What every pod may reach: the cluster's DNS and the Kubernetes API, in a network of their own. */
    systemServiceNetwork: within('default', `${cluster}-default-system-service-network`),
    systemServicePolicy: within('default', `${cluster}-default-system-service-np`),
    /** The network of an app, where apps are isolated, and of each Service there with the policy that admits to it. */
    appNetwork: (namespace: string, app: string): FqName =>
      within(namespace, `${cluster}-${namespace}-${app}-app-network`),
    appServiceNetwork: (namespace: string, service: string): FqName =>
      within(namespace, `${cluster}-${namespace}-${service}-app-service-network`),
    appServicePolicy: (namespace: string, service: string): FqName =>
      within(namespace, `${cluster}-${namespace}-${service}-app-service-np`),
    /** A namespace's own networks and the policy between them; for `default` these are the cluster's. */
    podNetwork: (namespace: string): FqName => within(namespace, `${cluster}-${namespace}-pod-network`),
    serviceNetwork: (namespace: string): FqName => within(namespace, `${cluster}-${namespace}-service-network`),
    namespacePolicy: (namespace: string): FqName => within(namespace, `${cluster}-${namespace}-pod-service-np`),
    /** The network that a NetworkAttachmentDefinition makes, and its IPAM (facts 1.8). */
    attachmentNetwork: (namespace: string, definition: string): FqName =>
      within(namespace, `${cluster}-${definition}-pod-network`),
    attachmentIpam: (namespace: string, definition: string): FqName =>
      within(namespace, `${cluster}-${definition}-pod-ipam`),
    /** A VirtualNetwork's network bears its name (users write it in annotations), and its ipam. */
    virtualNetwork: (namespace: string, name: string): FqName => within(namespace, name),
    virtualNetworkIpam: (namespace: string, name: string): FqName => within(namespace, `${name}-ipam`),
    ...edgeNames(cluster, within),
    /** The policy of a NetworkConnection. */
    connectionPolicy: (namespace: string, name: string): FqName =>
      within(namespace, `${cluster}-${namespace}-${name}-connection-np`),
    ...chainNames(cluster, domain, within),
    defaultSecurityGroup: (namespace: string): FqName => within(namespace, `${cluster}-${namespace}-default-sg`),
    virtualMachine: (namespace: string, pod: string): FqName => [`${cluster}__${namespace}__${pod}`],
    podInterface: (namespace: string, pod: string, uuid: string): FqName => within(namespace, `${pod}__${uuid}`),
    /** The UUID of an address that outlives its pod: by the pod's name, which its successor has too. */
    stickyAddressUuid: (namespace: string, pod: string, part: readonly string[]): string =>
      uuidOf('instance-ip', [...project(namespace), pod, ...part]),
    podAddress: (pod: string, uuid: string): FqName => [`${pod}__${uuid}`],
    serviceInterface: (namespace: string, service: string, uid: string): FqName =>
      within(namespace, `${cluster}__Service__${service}__${uid}`),
    serviceAddress: (service: string, uuid: string): FqName => [`${service}__${uuid}`],
    loadbalancer: (namespace: string, service: string, uid: string): FqName => within(namespace, `${service}__${uid}`),
    virtualRouter: (node: string): FqName => [...GLOBAL_SYSTEM_CONFIG, node],
  } as const;
}

/** The names of what leads out of the cluster, and in. */
function edgeNames(cluster: string, within: (namespace: string, name: string) => FqName) {
  const routerPorts = (router: string): string => `${cluster}__LogicalRouter__${router}__`;
  return {
    /** The network of a FloatingIPPool, its ipam and its pool. */
    floatingNetwork: (pool: string): FqName => within('default', `${cluster}-${pool}-floating-network`),
    floatingIpam: (pool: string): FqName => within('default', `${cluster}-${pool}-floating-ipam`),
    floatingIpPool: (pool: string): FqName => within('default', `${cluster}-${pool}-floating-network`).concat(pool),
    /** The UUID of a FloatingIP's object: its pool is not known any more when it goes. */
    floatingIpUuid: (namespace: string, name: string): string => uuidOf('floating-ip', within(namespace, name)),
    /** A LogicalRouter's router, its port in a network, what the names of all its ports begin with, and its addresses' UUIDs. */
    logicalRouter: within,
    routerPort: (namespace: string, router: string, network: FqName): FqName =>
      within(namespace, `${routerPorts(router)}${uuidOf('virtual-network', network)}`),
    routerPorts,
    routerAddressUuid: (namespace: string, router: string, slot: string): string =>
      uuidOf('floating-ip', within(namespace, `${routerPorts(router)}${slot}`)),
  } as const;
}

/** A service of a ServiceChain. */
export interface ServiceOf {
  readonly namespace: string;
  readonly chain: string;
  readonly service: string;
}

/** The names of a ServiceChain's services; no name of Kubernetes' holds the underscores between their parts. */
function chainNames(cluster: string, domain: string, within: (namespace: string, name: string) => FqName) {
  const templates = (namespace: string, chain: string): string => `${cluster}__ServiceChain__${namespace}__${chain}__`;
  const instances = (chain: string): string => `${cluster}__ServiceChain__${chain}__`;
  const serviceInstance = ({ namespace, chain, service }: ServiceOf): FqName =>
    within(namespace, `${instances(chain)}${service}`);
  return {
    serviceTemplate: ({ namespace, chain, service }: ServiceOf): FqName => [
      domain,
      `${templates(namespace, chain)}${service}`,
    ],
    serviceInstance,
    /** The tuple of a pod's interfaces that work for a service. */
    portTuple: (service: ServiceOf, pod: string): FqName => [...serviceInstance(service), pod],
    /** What the names of all templates and instances of a chain begin with; without a chain, those of all chains. */
    serviceTemplates: templates,
    serviceInstances: (chain?: string): string =>
      chain === undefined ? `${cluster}__ServiceChain__` : instances(chain),
  } as const;
}

/** The name of a pod's host-side interface: `tap` and the first eleven hexadecimal digits of its VMI's UUID. */
export function tapName(vmiUuid: string): string {
  return `tap${vmiUuid.replaceAll('-', '').slice(0, 11)}`;
}

/** The group that allows everything in one direction, for interfaces that policies restrict in the other one only. */
export function openGroup(names: Names, namespace: string, direction: 'ingress' | 'egress'): FqName {
  const [domain = '', project = '', name = ''] = names.defaultSecurityGroup(namespace);
  return [domain, project, name.replace(/-sg$/, `-${direction}-sg`)];
}

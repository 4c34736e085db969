/** The keys of our annotations. What each says, and who writes it: annotation-contract.ts. Pure. */

/** The keys by name, for those who read or write one. */
export const ANNOTATION = {
  network: 'opencontrail.org/network',
  isolation: 'opencontrail.org/isolation',
  isolationService: 'opencontrail.org/isolation.service',
  isolatedOld: 'opencontrail.kubernetes.isolated',
  fipPool: 'opencontrail.org/fip-pool',
  healthCheck: 'opencontrail.org/health-check',
  snat: 'opencontrail.org/ip_fabric_snat',
  forwarding: 'opencontrail.org/ip_fabric_forwarding',
  cidr: 'opencontrail.org/cidr',
  networks: 'k8s.v1.cni.cncf.io/networks',
  ips: 'opencontrail.org/ips',
  mac: 'opencontrail.org/mac',
  sticky: 'opencontrail.org/sticky',
  pool: 'opencontrail.org/ip-pool',
  excluded: 'opencontrail.org/excluded',
  mirror: 'opencontrail.org/mirror',
  mirrorAccepted: 'opencontrail.org/mirror-accepted',
  serviceChain: 'opencontrail.org/service-chain',
  services: 'opencontrail.org/services',
  name: 'opencontrail.org/name',
  networkPolicyOld: 'net.beta.kubernetes.io/network-policy',
  externalIP: 'externalIP',
  assignment: 'opencontrail.org/assignment',
  ports: 'opencontrail.org/ports',
  networkStatus: 'k8s.v1.cni.cncf.io/network-status',
  probeAddress: 'opencontrail.org/probe-address',
  podState: 'opencontrail.org/pod-state',
  serviceAccess: 'opencontrail.org/service-access',
  status: 'opencontrail.org/status',
  networkIds: 'opencontrail.org/network-ids',
  requester: 'opencontrail.org/requester',
} as const;

/** The namespace label that repeats the mode of the assignment, for selectors that cannot see annotations. */
export const MODE_LABEL = 'opencontrail.org/mode';

/** Which of upstream's specs belong to which name, and what is left out. */
import type { LabHandle } from '../lab/handle.ts';

/** Specs of Kubernetes itself. */
export interface GinkgoSuite {
  readonly kind: 'ginkgo';
  /** Ginkgo's own expression. */
  readonly focus: string;
  /** What is left out: an expression, and why it cannot be run here. */
  readonly skip: Readonly<Record<string, string>>;
  /** Processes that share the specs; each spec is run by one. Those that must be alone are run after them. */
  readonly shards: number;
  /** Whether the API server is asked to reach pods and Services: its machine has to be a node, too. */
  readonly needsControlNode?: boolean;
  /** The least number of nodes besides, where two are too few. */
  readonly nodes?: number;
}

/** Gateway API's own suite. */
export interface GatewaySuite {
  readonly kind: 'gateway';
  readonly profiles: readonly string[];
  /** What is claimed beyond the core of the profiles. */
  readonly features: readonly string[];
  /** Tests by their names, and why they cannot be run here. */
  readonly skip: Readonly<Record<string, string>>;
  /** One test by its name, instead of all. */
  readonly focus?: string;
}

/** The Network Policy API's own suite. */
export interface PolicySuite {
  readonly kind: 'policy';
  /** One test by its name, instead of all. */
  readonly focus?: string;
}

export type ConformanceSuite = GinkgoSuite | GatewaySuite | PolicySuite;

/** Where suites run. */
export interface Place {
  readonly lab: LabHandle;
  /** For files of the run. */
  readonly folder: string;
}

/** What became of a spec; it passed where there is no failure. */
export interface Result {
  readonly title: string;
  readonly failure?: string;
}

const SCTP = { 'Feature:SCTPConnectivity': "the lab's kernel has no SCTP sockets" };

export const SUITES: Readonly<Record<string, ConformanceSuite>> = {
  // That SCTP rules open nothing else is among the specs that are run.
  netpol: { kind: 'ginkgo', focus: 'sig-network.* Netpol ', skip: SCTP, shards: 3 },
  services: {
    kind: 'ginkgo',
    focus: String.raw`\[sig-network\] (Services|Networking|EndpointSlice\w*|DNS|HostPort|Proxy|IngressClass|Ingress API|Service CIDRs) `,
    skip: {
      ...SCTP,
      'Feature:Networking-IPv4': 'asks the Internet',
      'Feature:Networking-IPv6': 'asks the Internet',
      'Feature:Networking-DNS': 'asks the Internet',
      'Forward PTR lookup': 'asks the Internet',
      'Feature:Networking-Performance': 'is a measurement, and its image is not agnhost',
      'Provider:GCE': 'asks the servers of one provider',
      'kube-proxy': 'asks for a program that the product replaces',
      'DNS HostNetwork should resolve DNS':
        "its pod listens at port 80 of its node without saying so to the scheduler, and the product's proxy may be there",
      Disruptive: 'restarts programs of a node by ssh',
      'FeatureGate:RelaxedServiceNameValidation': 'needs a feature gate that is off by default',
    },
    shards: 4,
    needsControlNode: true,
    // That a port for health checks follows the policy is asked of three.
    nodes: 3,
  },
  'cluster-policies': { kind: 'policy' },
  gateway: {
    kind: 'gateway',
    profiles: ['GATEWAY-HTTP', 'GATEWAY-TLS', 'GATEWAY-TCP'],
    // Not GatewayInfrastructure: what stands for a Gateway is in the product's namespace, and the suite looks in the Gateway's.
    features: [
      'GatewayPort8080',
      'GatewayHTTPListenerIsolation',
      'GatewayAddressEmpty',
      'HTTPRouteBackendRequestHeaderModification',
      'HTTPRouteQueryParamMatching',
      'HTTPRouteMethodMatching',
      'HTTPRouteResponseHeaderModification',
      'HTTPRoutePortRedirect',
      'HTTPRouteSchemeRedirect',
      'HTTPRoutePathRedirect',
      'HTTPRouteHostRewrite',
      'HTTPRoutePathRewrite',
      'HTTPRouteRequestTimeout',
      'HTTPRouteBackendTimeout',
      'HTTPRouteParentRefPort',
      'HTTPRouteNamedRouteRule',
    ],
    skip: {},
  },
};

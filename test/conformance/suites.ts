/** Which specs of the upstream suites belong to which name, as Ginkgo's own expressions. */

export interface ConformanceSuite {
  readonly focus: string;
  /** What is left out: an expression, and why it cannot be run here. */
  readonly skip: Readonly<Record<string, string>>;
  /** Processes that share the specs; each spec is run by one. Those that must be alone are run after them. */
  readonly shards: number;
  /** Whether the API server is asked to reach pods and Services: its machine has to be a node, too. */
  readonly needsControlNode?: boolean;
}

const SCTP = { 'Feature:SCTPConnectivity': "the lab's kernel has no SCTP sockets" };

export const SUITES: Readonly<Record<string, ConformanceSuite>> = {
  // That SCTP rules open nothing else is among the specs that are run.
  netpol: { focus: 'sig-network.* Netpol ', skip: SCTP, shards: 3 },
  services: {
    focus: String.raw`\[sig-network\] (Services|Networking|EndpointSlice\w*|DNS|HostPort|Proxy|IngressClass|Ingress API|Service CIDRs) `,
    skip: {
      ...SCTP,
      'Feature:Networking-IPv4': 'asks the Internet',
      'Feature:Networking-IPv6': 'asks the Internet',
      'Feature:Networking-DNS': 'asks the Internet',
      'Feature:Networking-Performance': 'is a measurement, and its image is not agnhost',
      'Provider:GCE': 'asks the servers of one provider',
      'kube-proxy': 'asks for a program that the product replaces',
      Disruptive: 'restarts programs of a node by ssh',
      'FeatureGate:RelaxedServiceNameValidation': 'needs a feature gate that is off by default',
    },
    shards: 3,
    needsControlNode: true,
  },
};

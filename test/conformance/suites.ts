/** Which specs of the upstream suites belong to which name, as Ginkgo's own expressions. */

export interface ConformanceSuite {
  readonly focus: string;
  /** What is left out: an expression, and why it cannot be run here. */
  readonly skip: Readonly<Record<string, string>>;
  /** Processes that share the specs; each spec is run by one. Those that must be alone are run after them. */
  readonly shards: number;
}

/** The lab's API server stands on the underlay, outside the cluster, and pods are not reachable from there. */
const OUTSIDE = 'the API server is asked to reach a pod for the suite';
const SCTP = { 'Feature:SCTPConnectivity': "the lab's kernel has no SCTP sockets" };

/** A third of netpol, which every run of all tests has the time for: each kind of rule, both directions, and each thing that may change. */
const NETPOL_THIRD = [
  "should support a 'default-deny-all' policy",
  'should enforce policy based on PodSelector with MatchExpressions',
  'should enforce policy based on NamespaceSelector with MatchExpressions',
  'should enforce policy based on PodSelector and NamespaceSelector',
  'should enforce policy based on Ports',
  'should allow ingress access on one named port',
  'should allow egress access on one named port',
  'should enforce updated policy',
  'should allow ingress access from updated namespace',
  'should deny ingress access to updated pod',
  'should deny egress from all pods in a namespace',
  'should work with Ingress, Egress specified together',
  'should enforce except clause while egress access to server in CIDR block',
  'should ensure an IP overlapping both IPBlock.CIDR and IPBlock.Except is allowed',
  "should not mistakenly treat 'protocol: SCTP' as 'protocol: TCP'",
];

export const SUITES: Readonly<Record<string, ConformanceSuite>> = {
  // That SCTP rules open nothing else is among the specs that are run.
  netpol: { focus: 'sig-network.* Netpol ', skip: SCTP, shards: 3 },
  'netpol-third': { focus: `sig-network.* Netpol .*(${NETPOL_THIRD.join('|')})`, skip: SCTP, shards: 3 },
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
      'DNS should provide DNS|DNS should provide /etc/hosts|DNS should resolve DNS': OUTSIDE,
      'Proxy version v1 (should proxy through a service|A set of valid responses)': OUTSIDE,
      Disruptive: 'restarts programs of a node by ssh',
      'FeatureGate:RelaxedServiceNameValidation': 'needs a feature gate that is off by default',
    },
    shards: 3,
  },
};

/** Those that are no part of another one. */
export const WHOLE: readonly string[] = ['netpol', 'services'];

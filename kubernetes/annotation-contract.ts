/** The annotation contract: every key, where it stands, what it says and who writes it. `docs/annotations.md` is made from this table. Pure. */
import { ANNOTATION } from './annotations.ts';
import {
  type Parser,
  parseAddresses,
  parseChainName,
  parseCidrs,
  parseIPv4,
  parseIsolation,
  parseJson,
  parseLabelValue,
  parseMac,
  parseNames,
  parseNetwork,
  parseNetworks,
  parsePodName,
  parsePodReference,
  parsePool,
  parseSwitch,
} from './grammar.ts';
import { parseHealthCheck } from './health-check.ts';
import { parseRanges } from './ranges.ts';

export type AnnotatedKind =
  | 'Pod'
  | 'Namespace'
  | 'Service'
  | 'Ingress'
  | 'NetworkAttachmentDefinition'
  | 'NetworkConnection'
  | 'NetworkPolicy'
  | 'ClusterNetworkPolicy';

/** One key of the contract. */
export interface AnnotationDefinition {
  readonly key: string;
  readonly on: readonly AnnotatedKind[];
  /** What users write is a request; what only our own service accounts write is a result. */
  readonly role: 'request' | 'result';
  /** What it does, in one sentence of the reference. */
  readonly meaning: string;
  readonly form: string;
  readonly example: string;
  readonly parse: Parser<unknown>;
  /**
   * What this version makes of the request: `yes` does it, `refused` says that it cannot, `warned` admits the object
   * and says that the request has no effect, `older` is a spelling of former systems that has no effect either.
   */
  readonly served: 'yes' | 'refused' | 'warned' | 'older';
  /** Whether a running pod is served by what it says by now; other requests of pods are read at creation. */
  readonly isFollowed?: true;
}

const NETWORK_FORM =
  'the name of a VirtualNetwork, `namespace/name`, or `{domain, project, name}` as JSON or a Python literal';
const POOL_FORM = 'the name of a FloatingIPPool, or `{domain, project, network, name}` as JSON or a Python literal';
const NETWORK_EXAMPLE = '{"domain": "default-domain", "project": "k8s-dev", "name": "blue"}';
const POOL_EXAMPLE =
  '{"domain": "default-domain", "project": "k8s-default", "network": "public", "name": "public-fip-pool"}';

/** What users may ask for. */
export const REQUESTS: readonly AnnotationDefinition[] = [
  request(ANNOTATION.isolation, ['Namespace'], 'yes', {
    meaning:
      "Isolates the namespace: its pods and services get networks of their own. `app` isolates each app in it: pods with the label `opencontrail.org/name` are in their app's network.",
    form: '`true`, `false` or `app`, any case',
    example: 'true',
    parse: parseIsolation,
  }),
  request(ANNOTATION.network, ['Pod', 'Namespace', 'NetworkAttachmentDefinition'], 'yes', {
    meaning:
      "Puts the pod, or all pods of the namespace, into a network of the user's own; the pod's wins over the namespace's.",
    form: NETWORK_FORM,
    example: NETWORK_EXAMPLE,
    parse: parseNetwork,
  }),
  request(ANNOTATION.serviceAccess, ['Namespace'], 'yes', {
    meaning:
      "Whether networks of users' own that pods of this namespace are in reach the cluster's services and its DNS; `true` unless said otherwise. A VirtualNetwork says it itself, in `spec.serviceAccess`.",
    form: '`true` or `false`, any case',
    example: 'false',
    parse: parseSwitch,
  }),
  request(ANNOTATION.networks, ['Pod'], 'yes', {
    meaning:
      "Further interfaces by NetworkAttachmentDefinition, in the CNCF form (`ips`, `mac`, `interface`, `default-route` included). One that does not exist, or is another plugin's, is refused; another namespace's takes the verb `use` on it.",
    form: '`[namespace/]name[@interface], …` or a JSON list of objects',
    example: '[{"name": "storage", "interface": "net1"}]',
    parse: parseNetworks,
  }),
  request(ANNOTATION.ips, ['Pod'], 'yes', {
    meaning:
      'Static addresses of eth0, at most one of each family. One that another pod holds is refused, with the holder’s name; where admission cannot know, the pod waits, and an Event says for whom. A Deployment with them needs `strategy: { type: Recreate }`, since of a rolling update the new pod comes first; the API server warns of it.',
    form: 'addresses separated by commas, or a JSON list',
    example: '10.32.0.10',
    parse: parseAddresses,
  }),
  request(ANNOTATION.mac, ['Pod'], 'yes', {
    meaning: 'The MAC address of eth0.',
    form: 'six pairs of hexadecimal digits',
    example: '02:00:00:00:00:0a',
    parse: parseMac,
  }),
  request(ANNOTATION.pool, ['Pod', 'Namespace'], 'yes', {
    meaning:
      "The ranges that the addresses of eth0 come from; the pod's wins over its namespace's, and `opencontrail.org/ips` over both. To keep others out of a range, exclude it from its network: what is excluded is given to nobody who does not name it.",
    form: 'ranges of addresses separated by commas',
    example: '10.20.0.64-10.20.0.95',
    parse: parseRanges,
  }),
  request(ANNOTATION.excluded, ['NetworkAttachmentDefinition'], 'yes', {
    meaning:
      'Ranges of `opencontrail.org/cidr` that are given to nobody who does not name an address of them. A VirtualNetwork says it in `spec.subnets[].excluded`.',
    form: 'ranges of addresses separated by commas',
    example: '10.20.0.1-10.20.0.9, 10.20.0.20',
    parse: parseRanges,
  }),
  request(ANNOTATION.sticky, ['Pod'], 'yes', {
    isFollowed: true,
    meaning:
      'Whether a pod of a StatefulSet keeps its addresses for its successor, on whatever node that is; `true` unless said otherwise. They are given back when the StatefulSet is deleted, or scaled down below the pod. It may be changed at any time.',
    form: '`true` or `false`, any case',
    example: 'false',
    parse: parseSwitch,
  }),
  request(ANNOTATION.services, ['Pod'], 'yes', {
    isFollowed: true,
    meaning:
      'The Services of its namespace that a pod of an isolated app may use besides those of its own app: names of Services, or of apps. All pods of one app share what any of them lists. It may be changed at any time. A label of the same key names one.',
    form: 'names separated by commas, or a JSON list',
    example: '["db", "cache"]',
    parse: parseNames,
  }),
  request(ANNOTATION.mirror, ['Pod'], 'yes', {
    isFollowed: true,
    meaning:
      'A pod of the same namespace that is sent a copy of all that this pod sends and is given, in VXLAN. It may be changed at any time; docs/mirroring.md says what an analyzer must be.',
    form: "a pod's name",
    example: 'sensor-0',
    parse: parsePodName,
  }),
  request(ANNOTATION.mirrorAccepted, ['ClusterNetworkPolicy'], 'yes', {
    meaning:
      "A pod that is sent a copy of what the policy's Accept rules let pass, in VXLAN. It may be changed at any time; docs/mirroring.md says what an analyzer must be.",
    form: '`namespace/name` of a pod',
    example: 'monitoring/sensor-0',
    parse: parsePodReference,
  }),
  request(ANNOTATION.serviceChain, ['Pod'], 'yes', {
    meaning:
      "Gives the pod the interfaces `left` and `right`, in the networks of this ServiceChain of its namespace, so that it can work for one of the chain's services. Networks of other namespaces take the verb `use`. The pod is refused while there is no such chain; what the chain says later is for new pods.",
    form: "a ServiceChain's name",
    example: 'inspect',
    parse: parseChainName,
  }),
  request(ANNOTATION.fipPool, ['Namespace', 'Service', 'Ingress'], 'yes', {
    meaning:
      "The floating-IP pool that gives the object, or the namespace's objects, their addresses from outside; the object's own wins.",
    form: POOL_FORM,
    example: POOL_EXAMPLE,
    parse: parsePool,
  }),
  request(ANNOTATION.healthCheck, ['Service'], 'yes', {
    meaning:
      'Asks the back ends of the Service whether they are well, and leaves out those that are not. One that says nothing right is not done, an Event says why, and the Service is served.',
    form: '`{type, path, port, delay, timeout, retries}` as JSON or a Python literal; all but `type` (`HTTP`, `HTTPS`, `TCP`, `PING`) may be left out',
    example: '{"type": "HTTP", "path": "/healthz", "delay": 5, "timeout": 3, "retries": 2}',
    parse: parseHealthCheck,
  }),
  request(ANNOTATION.snat, ['Namespace', 'NetworkAttachmentDefinition'], 'yes', {
    meaning:
      "Lets pods of the namespace's own network, or of the definition's, reach the outside behind their node's address. It may be changed at any time, and holds for running pods at once; a namespace that does not say has what the chart's `cluster.ipFabricSnat` says, and on namespace `default` it is the cluster's network that is meant.",
    form: '`true` or `false`, any case',
    example: 'true',
    parse: parseSwitch,
  }),
  request(ANNOTATION.forwarding, ['Namespace', 'NetworkAttachmentDefinition'], 'yes', {
    meaning:
      "Links the namespace's own network, or the definition's, with the nodes', so that the underlay routes its pods' addresses; it has precedence over SNAT. It may be changed at any time: running pods keep their addresses. A namespace that does not say has what the chart's `cluster.ipFabricForwarding` says; on namespace `default` it is the cluster's network that is meant.",
    form: '`true` or `false`, any case',
    example: 'true',
    parse: parseSwitch,
  }),
  request(ANNOTATION.cidr, ['NetworkAttachmentDefinition'], 'yes', {
    meaning: 'The subnets of the network that the definition makes. They may occur in other networks too.',
    form: 'CIDRs separated by commas, or a JSON list',
    example: '10.20.0.0/24, fd00:20::/64',
    parse: parseCidrs,
  }),
  request(ANNOTATION.externalIP, ['Ingress'], 'warned', {
    meaning: 'The floating address that the Ingress asks for.',
    form: 'one IPv4 address',
    example: '203.0.113.9',
    parse: parseIPv4,
  }),
  request(ANNOTATION.isolatedOld, ['Namespace'], 'yes', {
    meaning: 'The oldest spelling of `opencontrail.org/isolation`, which wins where both stand.',
    form: '`true` or `false`, any case',
    example: 'true',
    parse: parseSwitch,
  }),
  request(ANNOTATION.isolationService, ['Namespace'], 'older', {
    meaning: 'Switched service isolation off in Contrail 4; later systems ignore it.',
    form: '`true` or `false`, any case',
    example: 'false',
    parse: parseSwitch,
  }),
  request(ANNOTATION.networkPolicyOld, ['Namespace'], 'older', {
    meaning: 'Default-deny before NetworkPolicy existed.',
    form: 'JSON',
    example: '{"ingress": {"isolation": "DefaultDeny"}}',
    parse: parseJson,
  }),
  request(ANNOTATION.name, ['Pod'], 'yes', {
    meaning:
      'The app that the pod belongs to, as the first generation wrote it. The label of the same name, which Services can select, wins where both stand.',
    form: "a label's value",
    example: 'web',
    parse: parseLabelValue,
  }),
];

/** What we write, and nobody else may. */
export const RESULTS: readonly AnnotationDefinition[] = [
  result(ANNOTATION.assignment, ['Pod', 'Namespace'], {
    meaning:
      'The networks that admission chose: on a pod by interface, on a namespace its project and networks. Written by the mutating webhook, or by a worker where the webhook was away.',
    form: 'JSON, `version` 1',
    example:
      '{"version":1,"mode":"namespace","interfaces":[{"name":"eth0","network":"default-domain:k8s-dev:k8s-dev-pod-network","from":"namespace"}]}',
  }),
  result(ANNOTATION.ports, ['Pod'], {
    meaning:
      "The ports that workers allocated; `uid` is the pod's, so a successor of the same name never takes them over.",
    form: 'JSON, `version` 1',
    example:
      '{"version":1,"uid":"<pod uid>","interfaces":[{"name":"eth0","vmi":"<uuid>","network":"…","networkId":"<uuid>","mac":"02:…","ips":["10.47.255.249/12"],"gateway":"169.254.1.1","dns":["10.96.0.10"],"mtu":1450}]}',
  }),
  result(ANNOTATION.status, ['Namespace', 'NetworkPolicy'], {
    meaning:
      'On a namespace, what running pods keep and what they have gained since the namespace changed its mind: the pods that are still in another network than a new pod would be (how many, and at most 20 names), and, where one of the flags is asked for, whether `snat` and `forwarding` are on for its pods\' network. Absent where there is neither. On a NetworkPolicy, what is wrong with it, as its Events say (how much, and at most 20 messages): `{"version":1,"problems":1,"messages":["PortUnknown: …"]}`; absent where nothing is, and written anew where somebody changes it.',
    form: 'JSON, `version` 1',
    example: '{"version":1,"mode":"namespace","outdated":2,"pods":["db-0","web-5c7f"],"snat":true,"forwarding":false}',
  }),
  result(ANNOTATION.networkIds, ['Namespace'], {
    meaning:
      "The numbers (Contrail's virtual network IDs, which packets carry as VNI) of the namespace's networks, by name: after a loss of Redis each network gets its own again.",
    form: 'JSON, `version` 1',
    example: '{"version":1,"ids":{"k8s-dev-pod-network":9,"k8s-dev-service-network":10}}',
  }),
  result(ANNOTATION.probeAddress, ['Pod'], {
    meaning:
      "Where the pod's node reaches it for HTTP and TCP probes, in a network of a user's own, whose addresses others may have too. Admission writes it as `host` into probes that name none; gRPC probes cannot name one.",
    form: 'an address of 240.0.0.0/4, or of fd6f:6370:6e69:f::/64 where the network has IPv6 alone',
    example: '240.17.4.200',
    parse: parseAddresses,
  }),
  result(ANNOTATION.requester, ['NetworkConnection'], {
    meaning:
      'Who has asked for the connection as it reads. Written by the webhook; workers ask again and again whether that user may use the networks of other namespaces, and part them when not.',
    form: 'JSON',
    example: '{"user":"alice","groups":["system:authenticated"]}',
  }),
  result(ANNOTATION.networkStatus, ['Pod'], {
    meaning: "The pod's interfaces for others to read.",
    form: 'the CNCF form, JSON',
    example:
      '[{"name":"opencontrail","interface":"eth0","ips":["10.47.255.249"],"mac":"02:…","default":true,"dns":{}}]',
  }),
];

type Texts = Pick<AnnotationDefinition, 'meaning' | 'form' | 'example' | 'isFollowed'>;

function request(
  key: string,
  on: readonly AnnotatedKind[],
  served: AnnotationDefinition['served'],
  texts: Texts & { readonly parse: Parser<unknown> },
): AnnotationDefinition {
  return { key, on, role: 'request', served, ...texts };
}

function result(
  key: string,
  on: readonly AnnotatedKind[],
  texts: Texts & { readonly parse?: Parser<unknown> },
): AnnotationDefinition {
  return { key, on, role: 'result', served: 'yes', parse: parseJson, ...texts };
}

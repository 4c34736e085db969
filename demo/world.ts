/** The demonstration's four namespaces, three pods in each, a service for each pod, and who should reach whom. Pure. */
import { isReachable } from '../test/e2e/reachability.ts';
import type { Place } from '../test/e2e/reachability.ts';

/** An ordinary pair and an isolated pair. */
export const namespaces = [
  { name: 'demo-east', isolated: false },
  { name: 'demo-west', isolated: false },
  { name: 'demo-blue', isolated: true },
  { name: 'demo-red', isolated: true },
] as const;

/** A pod of the demonstration; the service of the same name has it as its only endpoint. */
export interface DemoPod {
  readonly namespace: string;
  readonly isolated: boolean;
  readonly name: string;
  readonly node: string;
}

/** The port every pod and service answers on, with `<namespace>/<name>`. */
export const port = 8080;

/** Two pods on the first node and one on the second: every relation occurs on one node and across two. */
export function demoPods(nodes: readonly string[]): readonly DemoPod[] {
  const [first = 'n1', second = first] = nodes;
  const places = [
    { name: 'a', node: first },
    { name: 'b', node: first },
    { name: 'c', node: second },
  ];
  return namespaces.flatMap(({ name, isolated }) =>
    places.map((place) => ({ namespace: name, isolated, name: place.name, node: place.node })),
  );
}

/** Whether a connection should come about, by the table that is the project's acceptance test. */
export function isExpected(from: DemoPod, to: DemoPod, target: 'pod' | 'service'): boolean {
  return isReachable(placeOf(from), placeOf(to), target);
}

function placeOf(pod: DemoPod): Place {
  if (!pod.isolated) return 'default';
  return pod.namespace === 'demo-blue' ? 'isolatedA' : 'isolatedB';
}

/** All objects but the namespaces. */
export function manifest(pods: readonly DemoPod[]): readonly object[] {
  return pods.flatMap((pod) => [podObject(pod), serviceObject(pod)]);
}

function podObject({ namespace, name, node }: DemoPod): object {
  const serve = `mkdir /www && echo ${namespace}/${name} > /www/index.html && exec httpd -f -p ${port} -h /www`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app: name } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'web',
          image: 'docker.io/library/busybox:lab',
          imagePullPolicy: 'Never',
          command: ['sh', '-c', serve],
          readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
        },
      ],
    },
  };
}

function serviceObject({ namespace, name }: DemoPod): object {
  const spec = { selector: { app: name }, ports: [{ port, protocol: 'TCP' }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec };
}

/** The kubelet probes two pods with one address on one node, each of a network of its own, and tells them apart. */
import type { LabHandle } from '../lab/handle.ts';
import { shell } from './pods.ts';
import type { Reporter } from './reporter.ts';

const NAMESPACE = 'modes-probes';
const ADDRESS = '10.46.0.77';
const PODS = ['left', 'right'] as const;

/** Part of the suite `modes`; alone: `npm run e2e -- probes`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(NAMESPACE);
  await lab.apply([...PODS.map(network), ...PODS.map((name) => pod(name, lab.nodes[0] ?? ''))]);
  await lab.waitFor('both pods to run', async () =>
    (await Promise.all(PODS.map((name) => phase(lab, name)))).every(Boolean),
  );
  await report.check('two pods have one address on one node', async () => {
    const path = 'jsonpath={.items[*].status.podIP} {.items[*].spec.nodeName}';
    const said = await lab.kubectl(['get', 'pods', '-n', NAMESPACE, '-o', path]);
    const node = lab.nodes[0] ?? '';
    if (said !== `${ADDRESS} ${ADDRESS} ${node} ${node}`) throw new Error(said);
  });
  for (const [serving, other] of [PODS, PODS.toReversed()] as const) {
    await inPod(lab, serving ?? '', 'echo ok > /www/ready');
    await inPod(lab, other ?? '', 'rm -f /www/ready');
    await report.check(`the one that serves (${serving}) is Ready, the other is not`, () =>
      lab.waitFor('the probes to tell', async () => {
        const [is, isNot] = [await ready(lab, serving ?? ''), await ready(lab, other ?? '')];
        if (is !== 'True' || isNot !== 'False') throw new Error(`${serving} ${is}, ${other} ${isNot}`);
        return true;
      }),
    );
  }
}

function network(name: string): object {
  return {
    apiVersion: 'opencontrail.org/v1alpha1',
    kind: 'VirtualNetwork',
    metadata: { namespace: NAMESPACE, name },
    spec: { subnets: [{ cidr: '10.46.0.0/24' }] },
  };
}

function pod(name: string, node: string): object {
  const readinessProbe = { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1, failureThreshold: 2 };
  const web = shell('mkdir /www; exec httpd -f -p 8080 -h /www');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: NAMESPACE,
      name,
      annotations: { 'opencontrail.org/network': name, 'opencontrail.org/ips': ADDRESS },
    },
    spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ ...web, readinessProbe }] },
  };
}

async function inPod(lab: LabHandle, name: string, script: string): Promise<void> {
  await lab.execInPod({ namespace: NAMESPACE, name }, ['sh', '-c', script]);
}

async function phase(lab: LabHandle, name: string): Promise<boolean> {
  return (await lab.kubectl(['get', 'pod', name, '-n', NAMESPACE, '-o', 'jsonpath={.status.phase}'])) === 'Running';
}

async function ready(lab: LabHandle, name: string): Promise<string> {
  const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  return await lab.kubectl(['get', 'pod', name, '-n', NAMESPACE, '-o', path]);
}

/** Pods that ask each other over HTTP, for suites that follow one connection at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabHandle } from '../lab/handle.ts';
import type { Reporter } from './reporter.ts';

const PORT = 8080;
/** What must come about may need a moment; what must not, never may. */
const TRIES = 12;

/** A pod that answers with its name on TCP 8080, and asks others on its behalf (agnhost's `/dial`). */
export interface DialPod {
  readonly namespace: string;
  readonly name: string;
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function dialPod({ namespace, name, node, labels = {}, annotations = {} }: DialPod): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { peer: name, ...labels }, annotations },
    spec: {
      terminationGracePeriodSeconds: 0,
      hostname: name,
      ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
      containers: [
        {
          name: 'peer',
          image: 'docker.io/library/agnhost:lab',
          imagePullPolicy: 'Never',
          args: ['netexec', `--http-port=${PORT}`],
        },
        {
          name: 'shell',
          image: 'docker.io/library/busybox:lab',
          imagePullPolicy: 'Never',
          command: ['sh', '-c', 'exec /pause'],
        },
      ],
    },
  };
}

/** A Service of the pods that carry `selector`. */
export function dialService(
  at: { readonly namespace: string; readonly name: string; readonly labels?: Readonly<Record<string, string>> },
  selector: Readonly<Record<string, string>>,
): object {
  const ports = [{ name: 'tcp', protocol: 'TCP', port: PORT }];
  return { apiVersion: 'v1', kind: 'Service', metadata: at, spec: { selector, ports } };
}

/** Where a pod, or a Service, is reached. */
export async function addressOf(
  kind: 'pod' | 'service',
  namespace: string,
  name: string,
  lab: LabHandle,
): Promise<string> {
  const path = kind === 'pod' ? '{.status.podIP}' : '{.spec.clusterIP}';
  return await lab.kubectl(['get', kind, name, '-n', namespace, '-o', `jsonpath=${path}`]);
}

/** Whom a pod reaches at an address: the answering pod's name, or nothing. */
export async function dial(
  from: Pick<DialPod, 'namespace' | 'name'>,
  address: string,
  lab: LabHandle,
): Promise<string> {
  const url = `http://127.0.0.1:${PORT}/dial?host=${address}&protocol=http&port=${PORT}&request=hostname&tries=1`;
  const script = `timeout 4 wget -qO- '${url}' | sed -n 's/.*"responses":\\["\\([^"]*\\)"\\].*/\\1/p'`;
  return (await lab.execInPod({ ...from, container: 'shell' }, ['sh', '-c', script])).stdout.trim();
}

/** Reports whether `from` reaches `want` at an address, or, for `undefined`, nobody. */
export async function expectDial(
  from: Pick<DialPod, 'namespace' | 'name'>,
  to: { readonly what: string; readonly address: string; readonly want: string | undefined },
  { lab, report }: { readonly lab: LabHandle; readonly report: Reporter },
): Promise<void> {
  const { what, address, want } = to;
  const title = `${from.namespace}/${from.name} → ${what} ${want === undefined ? 'is refused' : 'answers'}`;
  let answer = await dial(from, address, lab);
  // A change may take a moment either way; a refusal must then hold.
  for (let tries = 1; tries < TRIES && answer !== (want ?? ''); tries += 1) {
    await sleep(500);
    answer = await dial(from, address, lab);
  }
  report.equal(title, answer, want ?? '');
}

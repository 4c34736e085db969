/** Every host of the mutating webhook answers the same reviews of a real API server, called by URL and shown a token. */
import { type HostsBed, ASSIGNMENT, ISOLATED, startHostsBed } from '../webhooks/hosts/bed.ts';
import { PLATFORMS } from '../webhooks/hosts/platforms.ts';
import { refusalOf } from '../webhooks/installation.ts';
import type { LabHandle } from '../lab/handle.ts';
import type { Reporter } from './reporter.ts';

/** An API server alone is enough. */
export const needsLab = false;

/** What is created, in turn, on every host. */
const PODS: readonly {
  readonly what: string;
  readonly namespace: string;
  readonly annotations?: Record<string, string>;
}[] = [
  { what: 'a pod of the cluster’s network', namespace: 'default' },
  { what: 'a pod of an isolated namespace', namespace: ISOLATED.name },
  {
    what: 'a pod in a network of its own choice',
    namespace: 'default',
    annotations: { 'opencontrail.org/network': 'default-domain:k8s-default:blue' },
  },
  {
    what: 'a pod whose address is no address of an interface',
    namespace: 'default',
    annotations: { 'opencontrail.org/mac': '01:00:00:00:00:01' },
  },
  {
    what: 'a pod that claims an assignment',
    namespace: 'default',
    annotations: { [ASSIGNMENT]: '{"version":1,"mode":"custom","interfaces":[]}' },
  },
];

/** Run by `npm run e2e -- functions`. */
export async function suite(_lab: LabHandle, report: Reporter): Promise<void> {
  const bed = await startHostsBed();
  try {
    let first: Readonly<Record<string, unknown>> = {};
    for (const host of Object.keys(PLATFORMS)) {
      await bed.host(host);
      const answers = await answersOf(bed);
      if (Object.keys(first).length === 0) first = answers;
      for (const [what, answer] of Object.entries(answers)) report.equal(`${host}: ${what}`, answer, first[what]);
    }
    // Equal is not enough: they must be decisions.
    report.equal('a pod is assigned', typeof first[PODS[0]?.what ?? ''], 'string');
    const refused = first[PODS[3]?.what ?? ''] as { readonly status?: number } | undefined;
    report.equal('and what cannot be is refused', refused?.status, 422);
  } finally {
    await bed.stop();
  }
}

/** The assignment, or the refusal, of each pod; and the mode of a namespace. */
async function answersOf(bed: HostsBed): Promise<Readonly<Record<string, unknown>>> {
  const answers: Record<string, unknown> = {};
  for (const { what, namespace, annotations } of PODS) {
    const created = bed.createPod(namespace, annotations);
    const refusal = await refusalOf(created);
    answers[what] =
      refusal === undefined
        ? (await created).metadata.annotations?.[ASSIGNMENT]
        : { status: refusal.status, message: refusal.message };
  }
  const { metadata } = await bed.alice.post('/api/v1/namespaces', { metadata: { generateName: 'made-' } });
  answers['a namespace'] = metadata.labels?.['opencontrail.org/mode'];
  return answers;
}

/**
 * A pod is isolated before its first instruction: two hundred pods whose first act is to ask a pod that they may not reach, and
 * whose second is to ask one that they may.
 */
import type { LabHandle } from '../lab/handle.ts';
import { addressOf, dialPod } from './dial.ts';
import type { Reporter } from './reporter.ts';

const ALONE = 'starts-alone';
const OUT = 'starts-out';
const STARTS = 200;
const AT_ONCE = 12;
/** What a pod ends with. */
const REACHED_FORBIDDEN = 3;
const NEVER_ALLOWED = 4;

/** Run by `npm run e2e -- starts`, and as part of `changes`. */
export async function suite(lab: LabHandle, report: Reporter): Promise<void> {
  await lab.createNamespace(ALONE, { annotations: { 'opencontrail.org/isolation': 'true' } });
  await lab.createNamespace(OUT);
  await lab.apply([dialPod({ namespace: ALONE, name: 'friend' }), dialPod({ namespace: OUT, name: 'stranger' })]);
  await lab.podsReady(ALONE, ['friend']);
  await lab.podsReady(OUT, ['stranger']);
  const [friend, stranger] = [
    await addressOf('pod', ALONE, 'friend', lab),
    await addressOf('pod', OUT, 'stranger', lab),
  ];
  await lab.apply([job(STARTS, scriptFor({ friend, stranger }))]);
  await report.check(`${STARTS} pods start, and none reaches the stranger`, async () => {
    const { succeeded = 0, failed = 0 } = await lab.waitFor('every pod to end', async () => ended(lab), {
      timeoutMs: 600_000,
      everyMs: 2_000,
    });
    if (failed > 0 || succeeded !== STARTS)
      throw new Error(`${succeeded} did as they should, not so: ${await codes(lab)}`);
  });
  // The same script reaches a stranger that is none: it could have failed.
  await lab.apply([job(1, scriptFor({ friend, stranger: friend }), 'control')]);
  await report.check('a stranger that may be reached is reached', async () => {
    await lab.waitFor('the control to end', async () =>
      (await codes(lab, 'control')).includes(String(REACHED_FORBIDDEN)),
    );
  });
}

function scriptFor({ friend, stranger }: { readonly friend: string; readonly stranger: string }): string {
  return [
    `${ask(stranger)} && exit ${REACHED_FORBIDDEN}`,
    `for i in 1 2 3 4 5 6 7 8 9 10; do ${ask(friend)} && exit 0; sleep 1; done`,
    `exit ${NEVER_ALLOWED}`,
  ].join('\n');
}

function ask(address: string): string {
  return `timeout 2 wget -qO- http://${address}:8080/hostname`;
}

function job(starts: number, script: string, name = 'starts'): object {
  const container = {
    name: 'main',
    image: 'docker.io/library/busybox:lab',
    imagePullPolicy: 'Never',
    command: ['sh', '-c', script],
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace: ALONE, name },
    spec: {
      completions: starts,
      parallelism: AT_ONCE,
      completionMode: 'Indexed',
      // Each pod has one try, and all are tried.
      backoffLimitPerIndex: 0,
      maxFailedIndexes: starts,
      template: { spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [container] } },
    },
  };
}

interface JobStatus {
  readonly succeeded?: number;
  readonly failed?: number;
}

async function ended(lab: LabHandle): Promise<JobStatus | undefined> {
  const found = await lab.get<{ readonly status?: JobStatus }>(['job', 'starts', '-n', ALONE]);
  const { succeeded = 0, failed = 0 } = found?.status ?? {};
  return succeeded + failed >= STARTS ? { succeeded, failed } : undefined;
}

/** The exit codes of a job's pods. */
async function codes(lab: LabHandle, name = 'starts'): Promise<string> {
  const path = '{.items[*].status.containerStatuses[*].state.terminated.exitCode}';
  return await lab.kubectl(['get', 'pods', '-n', ALONE, '-l', `job-name=${name}`, '-o', `jsonpath=${path}`]);
}

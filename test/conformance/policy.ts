/** The Network Policy API's own suite. */
import { buildPolicySuite } from './build.ts';
import { goResultsIn } from './go-results.ts';
import { providePolicyImage } from './images.ts';
import { runLogged } from './logged.ts';
import type { Place, PolicySuite, Result } from './suites.ts';

/** Runs all that the suite knows of, the experimental too. */
export async function runPolicy({ focus }: PolicySuite, { lab }: Place): Promise<readonly Result[]> {
  const { program, manifests } = await buildPolicySuite();
  await providePolicyImage(manifests, lab.nodes);
  const chosen = focus === undefined ? [] : [`-test.run=TestConformance/${focus}`];
  const command = [program, '-test.v', '-test.timeout=60m', ...chosen] as const;
  return goResultsIn(await runLogged('policy', command, { KUBECONFIG: lab.kubeconfig }));
}

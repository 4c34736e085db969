/** What policies cost: translating a large cluster's, one node's share, a change of one rule, and the packets that are judged. */
import { translationOfCluster } from './policy-compile.ts';
import { costsOfRules } from './policy-kernel.ts';

/** The lines of the report. */
export async function run(): Promise<readonly string[]> {
  return [...translationOfCluster(), ...(await costsOfRules())];
}

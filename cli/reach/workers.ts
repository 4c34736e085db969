/** Questions and wishes to the workers: any replica answers for all, since they share one queue. */
import type { Cluster } from './cluster.ts';
import { askPod, type Question } from './pods.ts';

const HEALTH_PORT = 9090;

/** Asks a Ready worker; `body` makes it a wish. Throws where there is none. */
export async function askWorkers({ path, body }: Pick<Question, 'path' | 'body'>, cluster: Cluster): Promise<unknown> {
  const [pod] = await cluster.podsOf('workers');
  if (pod === undefined) throw new Error(`no pod of workers is Ready: kubectl -n ${cluster.namespace} get pods`);
  return await askPod({ pod: pod.name, port: pod.ports['http'] ?? HEALTH_PORT, path, body }, cluster);
}

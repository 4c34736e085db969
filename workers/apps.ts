/** Which Services an isolated app may use. Pure. */
import { ANNOTATION } from '../kubernetes/annotations.ts';
import { parseNames } from '../kubernetes/grammar.ts';
import type { SlimPod } from '../kubernetes/objects.ts';
import { isServed, type WorkerService } from './services.ts';

/** The names that a pod lists: Services of its namespace, or apps whose Services are meant. */
function listedServices({ annotations, labels }: SlimPod): readonly string[] {
  const parsed = parseNames(annotations[ANNOTATION.services] ?? labels[ANNOTATION.services] ?? '[]');
  return parsed.ok ? parsed.value : [];
}

/** The Services of its namespace that an app may use: its own, and those that its pods list; by name, sorted. */
export function servicesForApp(
  app: string,
  pods: readonly SlimPod[],
  services: readonly WorkerService[],
): readonly string[] {
  const listed = new Set(pods.flatMap(listedServices));
  const isMeant = ({ name, app: owner }: WorkerService): boolean =>
    owner === app || listed.has(name) || (owner !== undefined && listed.has(owner));
  return services
    .filter((service) => isServed(service) && isMeant(service))
    .map(({ name }) => name)
    .sort();
}

/** An isolated app: its pods and the Services they may use from Kubernetes, its network and what is attached to it from Contrail. */
import { type AppInput, desiredApp } from '../../contrail/desired/app.ts';
import { policyOn } from '../../contrail/desired/network.ts';
import type { FqName, Reference } from '../../contrail/objects.ts';
import { appOf } from '../../kubernetes/assignment.ts';
import { fabricFlags } from '../../kubernetes/fabric-flags.ts';
import type { SlimNamespace, SlimPod } from '../../kubernetes/objects.ts';
import { servicesForApp } from '../apps.ts';
import type { ClusterSettings } from '../cluster-settings.ts';
import type { Deps, Observation, Reconciler } from '../deps.ts';
import { namespaceMode } from '../desired/namespace.ts';
import { isWantedPod } from '../desired/pod.ts';
import type { Key } from '../keys.ts';
import { readNamespace } from '../lookup.ts';
import { networksOfPod } from '../pod-networks.ts';
import { isSystemService } from '../services.ts';

export const appReconciler: Reconciler<AppInput> = {
  input: async ({ namespace, name: app }, deps) => {
    const home = await readNamespace(namespace, deps);
    if (home === undefined) return undefined;
    const mode = namespaceMode(home, deps.settings);
    const pods = podsOfApp({ home, app, mode }, deps);
    if (pods.length === 0) return undefined;
    const policies = policiesFor({ namespace, app, mode, pods }, deps);
    return { namespace, app, policies, ...fabricFlags(home.annotations, deps.settings.fabric) };
  },
  observe,
  desired: desiredApp,
};

interface App {
  readonly home: SlimNamespace;
  readonly app: string;
  readonly mode: string;
}

/** Those in an app's network, and those that are about to be: a worker may have to decide for a pod that no webhook saw. */
export function podsOfApp(
  { home, app, mode }: App,
  { view, settings }: Pick<Deps, 'view' | 'settings'>,
): readonly SlimPod[] {
  const network = settings.names.appNetwork(home.name, app).join(':');
  const isToBe = (pod: SlimPod): boolean => mode === 'app' && appOf(pod) === app && networksOfPod(pod).length === 0;
  return view
    .podsOf(home.name)
    .filter((pod) => isWantedPod(pod) && (networksOfPod(pod).includes(network) || isToBe(pod)));
}

/** Pods of an app whose namespace has changed its mind keep their network, and reach its services where they are by then. */
function policiesFor(
  at: { readonly namespace: string; readonly app: string; readonly mode: string; readonly pods: readonly SlimPod[] },
  { view, settings }: Deps,
): readonly FqName[] {
  const { namespace, app, mode, pods } = at;
  const { names } = settings;
  if (mode === 'cluster' || mode === 'custom') return [names.customServicePolicy];
  const services = view
    .servicesOf(namespace)
    .flatMap((name) => view.services.get(`${namespace}/${name}`) ?? [])
    .filter((service) => !isSystemService(service, settings));
  return servicesForApp(app, pods, services).map((service) => names.appServicePolicy(namespace, service));
}

async function observe({ namespace, name }: Key, _input: AppInput | undefined, deps: Deps): Promise<Observation> {
  const { contrail, settings } = deps;
  const fqNames = [settings.names.appNetwork(namespace, name)];
  const [network] = await contrail.list('virtual-network', { fqNames, detail: true });
  if (network === undefined) return { kind: 'observed', found: [] };
  // The schema's references from a network to its policies.
  const references = (network['network_policy_refs'] ?? []) as readonly Reference[];
  const ours = references.filter(({ to }) => isOurs(to, namespace, settings));
  return { kind: 'observed', found: [network, ...ours.map(({ to }) => policyOn(network, to))] };
}

/** Policies that this key attaches; operators may have attached others. */
function isOurs(policy: FqName, namespace: string, { names }: ClusterSettings): boolean {
  const text = policy.join(':');
  if (text === names.customServicePolicy.join(':')) return true;
  const [prefix = '', suffix = ''] = names.appServicePolicy(namespace, '*').join(':').split('*');
  return text.startsWith(prefix) && text.endsWith(suffix);
}

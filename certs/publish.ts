/** Publishes a CA bundle in the webhook configurations that the API server verifies our certificate with. */
import type { KubeClient, KubeObject } from '../kubernetes/client.ts';
import { hasStatus } from '../kubernetes/errors.ts';

/** Whether the API server now trusts the bundle: `absent` means there is no configuration of that name. */
export type Publication = 'published' | 'absent' | 'contended';

const RESOURCES = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const;
const TRIES = 5;

/**
 * Writes `bundle` into every webhook of the mutating and the validating configuration called `name`, where it differs.
 * Each write insists on the version that was read, so replicas and other writers never undo one another.
 */
export async function publishBundle(client: KubeClient, name: string, bundle: string): Promise<Publication> {
  const outcomes: Publication[] = [];
  for (const resource of RESOURCES) {
    outcomes.push(await publishIn(client, `/apis/admissionregistration.k8s.io/v1/${resource}/${name}`, bundle));
  }
  return (
    outcomes.find((outcome) => outcome === 'contended') ??
    outcomes.find((outcome) => outcome === 'absent') ??
    'published'
  );
}

async function publishIn(client: KubeClient, path: string, bundle: string): Promise<Publication> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const configuration = await client.get(path);
    if (configuration === undefined) return 'absent';
    const patch = bundlePatch(configuration, Buffer.from(bundle).toString('base64'));
    if (patch.length === 0) return 'published';
    try {
      await client.patch(path, patch, 'application/json-patch+json');
      return 'published';
    } catch (error) {
      // 422 is how a failed `test` is answered, 409 how a write in between is.
      if (!hasStatus(error, 409) && !hasStatus(error, 422)) throw error;
    }
  }
  return 'contended';
}

/** The JSON patch that brings a configuration's bundles up to date; empty when they are. Pure. */
function bundlePatch(
  configuration: KubeObject,
  caBundle: string,
): readonly { op: string; path: string; value: string }[] {
  // A webhook configuration's shape, as the API server has validated it.
  const { metadata, webhooks = [] } = configuration as KubeObject & {
    webhooks?: readonly { clientConfig?: { caBundle?: string } }[];
  };
  const changes = webhooks.flatMap(({ clientConfig }, index) =>
    clientConfig?.caBundle === caBundle
      ? []
      : [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }],
  );
  if (changes.length === 0) return [];
  return [{ op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion }, ...changes];
}

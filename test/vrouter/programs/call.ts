/** Runs inside a node's network namespace: one HTTP call, or the creation of config objects. Answers JSON on stdout. */
import { readFileSync } from 'node:fs';
import { createContrailClient } from '../../../contrail/client.ts';
import type { ContrailObject, Reference } from '../../../contrail/objects.ts';

const PROJECT_CHILDREN = new Set([
  'network-ipam',
  'network-policy',
  'virtual-network',
  'virtual-machine-interface',
  'loadbalancer',
  'loadbalancer-healthmonitor',
  'loadbalancer-listener',
  'loadbalancer-pool',
]);

const [what = '', url = '', argument = ''] = process.argv.slice(2);
if (what === 'create') {
  await createObjects(JSON.parse(readFileSync(0, 'utf8')) as ContrailObject[]);
} else {
  const body = what === 'GET' ? {} : { body: argument };
  const startedAt = performance.now();
  const response = await fetch(url, { method: what, ...body });
  const text = await response.text();
  process.stdout.write(JSON.stringify({ status: response.status, text, ms: performance.now() - startedAt }));
}

/** Creates what a world needs, parents first; what exists already gets its references. */
async function createObjects(objects: readonly ContrailObject[]): Promise<void> {
  const client = createContrailClient({ endpoints: async () => [url], token: argument });
  const project = { type: 'project', fq_name: ['default-domain', 'k8s-test'], parent_type: 'domain' };
  if ((await client.fqNameToUuid(project.type, project.fq_name)) === undefined) await client.create(project);
  for (const object of objects) {
    if (object.fq_name.at(-1) === 'ip-fabric') {
      const references = object['network_policy_refs'] as readonly Reference[];
      for (const { to } of references) {
        await client.refUpdate({
          type: object.type,
          uuid: (await client.fqNameToUuid(object.type, object.fq_name))!,
          refType: 'network-policy',
          refUuid: (await client.fqNameToUuid('network-policy', to))!,
          operation: 'ADD',
          attr: { sequence: { major: 0, minor: 0 } },
        });
      }
      continue;
    }
    const { virtual_network_network_id: _chosenByServer, ...fields } = object;
    await client.create({
      ...fields,
      type: object.type,
      fq_name: object.fq_name,
      uuid: object.uuid,
      ...parentOf(object),
    });
  }
  client.close();
}

function parentOf(object: ContrailObject): { parent_type?: string } {
  if (PROJECT_CHILDREN.has(object.type)) return { parent_type: 'project' };
  if (object.type === 'virtual-router') return { parent_type: 'global-system-config' };
  if (object.type === 'floating-ip-pool') return { parent_type: 'virtual-network' };
  if (object.type === 'floating-ip') return { parent_type: 'floating-ip-pool' };
  return object.type === 'loadbalancer-member' ? { parent_type: 'loadbalancer-pool' } : {};
}

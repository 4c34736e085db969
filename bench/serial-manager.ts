/**
 * The model of the original kube-manager as far as its throughput goes: one greenlet, so one call after the other, and every object that
 * it needs is read again for each pod. The calls are those that it was recorded with: what it makes it reads back.
 */
import { randomUUID } from 'node:crypto';
import { type ContrailClient, createContrailClient } from '../contrail/client.ts';
import { desiredPod } from '../contrail/desired/pod.ts';
import { isReference } from '../contrail/reference.ts';
import { settings } from '../test/workers/settings-for-tests.ts';

const { names } = settings;

/** Makes so many pods' objects through the config API at `url`; answers how many pods that were in a second. Nothing is written to Kubernetes. */
export async function serialPods(url: string, count: number): Promise<number> {
  const contrail = createContrailClient({ endpoints: async () => [url] });
  const started = performance.now();
  for (let index = 0; index < count; index += 1) await makePod(contrail, `serial-${index}`);
  contrail.close();
  return (count * 1000) / (performance.now() - started);
}

async function makePod(contrail: ContrailClient, name: string): Promise<void> {
  const network = names.podNetwork('default');
  await contrail.readByName('project', names.project('bench'));
  await contrail.readByName('virtual-network', network);
  const router = await contrail.readByName('virtual-router', names.virtualRouter('n1'));
  if (router === undefined) throw new Error('node n1 has no virtual router');
  const { type, uuid, fq_name } = router;
  const subject = {
    namespace: 'bench',
    name,
    uid: randomUUID(),
    labels: {},
    virtualRouter: { type, uuid, fq_name },
    interfaces: [{ name: 'eth0', network, label: 'default', addresses: [], families: ['v4'] as const }],
  };
  for (const object of desiredPod(subject, settings)) {
    if (isReference(object)) {
      const { from, to } = object;
      const end = { refType: to.type, refUuid: to.uuid, refFqName: to.fq_name };
      await contrail.refUpdate({ type: from.type, uuid: from.uuid, ...end, operation: 'ADD' });
    } else {
      await contrail.create(object);
      await contrail.read(object.type, object.uuid);
    }
  }
}

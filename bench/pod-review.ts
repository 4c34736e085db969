/** The review that the benchmarks of the webhook send: the CREATE of a pod of a usual size. */
import { randomUUID } from 'node:crypto';

/** A new one at each call. */
export function podReview(): object {
  const env = Array.from({ length: 40 }, (_, index) => ({
    name: `SETTING_${index}`,
    value: 'some text of a usual length',
  }));
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'web-', namespace: 'default', labels: { app: 'web' }, annotations: { team: 'shop' } },
    spec: { containers: [{ name: 'web', image: 'registry.example/web:1', env }] },
  };
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object,
      oldObject: null,
      dryRun: false,
    },
  };
}

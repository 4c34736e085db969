/** A Service as workers need it: the slim projection and whether its clients keep their backend. Pure. */
import type { KubeObject } from '../kubernetes/client.ts';
import { type SlimService, slimService } from '../kubernetes/objects.ts';

export interface WorkerService extends SlimService {
  /** `sessionAffinity: ClientIP`. */
  readonly sticky: boolean;
}

export function slimWorkerService(raw: KubeObject): WorkerService {
  const { spec } = raw as KubeObject & { readonly spec?: { readonly sessionAffinity?: string } }; // The API's own schema.
  return { ...slimService(raw), sticky: spec?.sessionAffinity === 'ClientIP' };
}

/** What a request must carry for the agent to act on it. Pure; throws a `CniFailure` naming what is missing. */
import type { CniRequest } from '../protocol.ts';
import { CniFailure } from './failure.ts';
import type { PodIdentity } from './pods.ts';

export interface SandboxRequest {
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
}

/** The sandbox of an ADD or CHECK. */
export function sandboxOf(request: CniRequest): SandboxRequest {
  return {
    containerId: required(request.containerId, 'CNI_CONTAINERID'),
    netns: required(request.netns, 'CNI_NETNS'),
    ifname: required(request.ifname, 'CNI_IFNAME'),
  };
}

/** The pod, from `CNI_ARGS`. */
export function podOf(request: CniRequest): PodIdentity {
  return {
    namespace: required(request.args['K8S_POD_NAMESPACE'], 'CNI_ARGS: K8S_POD_NAMESPACE'),
    name: required(request.args['K8S_POD_NAME'], 'CNI_ARGS: K8S_POD_NAME'),
    ...(request.args['K8S_POD_UID'] === undefined ? {} : { uid: request.args['K8S_POD_UID'] }),
  };
}

/** A variable that the command cannot do without. */
export function required(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new CniFailure('invalidEnvironment', `required environment missing: ${name}`);
}

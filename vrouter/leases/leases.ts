/** The Leases of routers' addresses (coordination.k8s.io/v1): `spec.holderIdentity` names the node that translates. */
import type { CallOptions, KubeClient, KubeObject } from '../../kubernetes/client.ts';

/** The Lease of an address as it was read; nodes by their names. */
export interface RouterLease {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly address: string;
  readonly holder?: string;
  /** Who asks whether the holder is there. */
  readonly challenger?: string;
  readonly transitions: number;
}

/** Each write throws a `KubeError` of status 409 where somebody else has written since the Lease was read. */
export interface Leases {
  /** All of them, as they are now. */
  readonly read: (options: CallOptions) => Promise<readonly RouterLease[]>;
  readonly create: (address: string, holder: string) => Promise<RouterLease | undefined>;
  /** It has another holder then, and no challenger. */
  readonly give: (lease: RouterLease, holder: string) => Promise<RouterLease | undefined>;
  readonly challenge: (lease: RouterLease, challenger: string) => Promise<RouterLease | undefined>;
  readonly refute: (lease: RouterLease) => Promise<RouterLease | undefined>;
  readonly remove: (lease: RouterLease) => Promise<void>;
}

const LABELS = { 'app.kubernetes.io/name': 'opencontrail', 'app.kubernetes.io/component': 'router-address' };
const [ADDRESS, CHALLENGER] = ['opencontrail.org/address', 'opencontrail.org/challenger'] as const;
/** What takes longer to write is overtaken. */
const WRITING = { timeoutMs: 1000 } as const;

export const LABEL_SELECTOR = Object.entries(LABELS)
  .map(([name, value]) => `${name}=${value}`)
  .join();

export function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

/** Those of a namespace. */
export function createLeases(client: KubeClient, namespace: string): Leases {
  const path = leasesPath(namespace);
  const patch = async ({ name, version }: RouterLease, challenger: string | null, spec: object) => {
    const metadata = { resourceVersion: version, annotations: { [CHALLENGER]: challenger } };
    return routerLease(await client.patch(`${path}/${name}`, { metadata, spec }, undefined, WRITING));
  };
  return {
    async read(options) {
      const { items } = await client.list(path, { labelSelector: LABEL_SELECTOR }, options);
      return items.flatMap((item) => routerLease(item) ?? []);
    },
    async create(address, holder) {
      const metadata = { name: nameOf(address), labels: LABELS, annotations: { [ADDRESS]: address } };
      const spec = { holderIdentity: holder, leaseTransitions: 0, acquireTime: now(), renewTime: now() };
      return routerLease(await client.post(path, { metadata, spec }, WRITING));
    },
    give: async (lease, holder) =>
      await patch(lease, null, {
        holderIdentity: holder,
        leaseTransitions: lease.transitions + 1,
        acquireTime: now(),
        renewTime: now(),
      }),
    challenge: async (lease, challenger) => await patch(lease, challenger, {}),
    refute: async (lease) => await patch(lease, null, { renewTime: now() }),
    remove: async ({ name, uid }) => await client.delete(`${path}/${name}`, { uid, ...WRITING }),
  };
}

/** One that is no router's address's is none. */
export function routerLease({ metadata, spec }: KubeObject): RouterLease | undefined {
  const { name, uid, resourceVersion: version, annotations = {} } = metadata;
  const { [ADDRESS]: address, [CHALLENGER]: challenger } = annotations;
  if (address === undefined) return undefined;
  // The API server has checked a Lease's specification.
  const { holderIdentity: holder, leaseTransitions: transitions = 0 } = spec as {
    readonly holderIdentity?: string;
    readonly leaseTransitions?: number;
  };
  return {
    name,
    uid,
    version,
    address,
    transitions,
    ...(holder === undefined ? {} : { holder }),
    ...(challenger === undefined ? {} : { challenger }),
  };
}

/** IPv6 addresses have colons, which names have not, and may end with some. */
function nameOf(address: string): string {
  return `router-address-${address.replaceAll(':', '-')}${address.endsWith(':') ? '0' : ''}`;
}

/** MicroTime. */
function now(): string {
  return new Date().toISOString().replace('Z', '000Z');
}

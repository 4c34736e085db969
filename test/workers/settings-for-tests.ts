/** The cluster settings that worker tests share: everything at its default. */
import { createNames } from '../../contrail/names.ts';
import type { ClusterSettings } from '../../workers/cluster-settings.ts';

export const settings: ClusterSettings = {
  cluster: 'k8s',
  domain: 'default-domain',
  ownNamespace: 'opencontrail',
  defaultMode: 'cluster',
  names: createNames({ cluster: 'k8s', domain: 'default-domain' }),
  snatPorts: [],
  fabric: { snat: false, forwarding: false },
  podSubnets: [{ ip_prefix: '10.32.0.0', ip_prefix_len: 12 }],
  serviceSubnets: [{ ip_prefix: '10.96.0.0', ip_prefix_len: 12 }],
  dns: ['10.96.0.10'],
  foreignElsewhere: false,
  podMtu: 0,
};

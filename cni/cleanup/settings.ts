/** The flags of cleanup: of the one that works through the cluster, and of the one that works on its node. */
import { z } from 'zod';
import type { Settings } from '../../runtime/config.ts';
import { NODE_TASK_SETTINGS } from '../nodes/settings.ts';

export const CLEANUP_PROGRAM = {
  name: 'cleanup',
  summary: 'removes every trace of the product from the nodes before the release goes',
  example: 'cleanup --kubernetes-api https://192.168.1.10:6443 --image opencontrail:0.1.0 --release opencontrail',
};

const path = z.string().regex(/^\//, 'must be an absolute path');
const paths = z.string().transform((text) => text.split(',').filter((item) => item !== ''));

export const CLEANUP_SETTINGS = {
  ...NODE_TASK_SETTINGS,
  release: { describe: 'The Helm release', schema: z.string(), default: 'opencontrail' },
  cniConfDir: { describe: 'Where the runtime reads CNI configurations', schema: path, default: '/etc/cni/net.d' },
  cniBinDir: { describe: 'Where the runtime finds CNI plugins', schema: path, default: '/opt/cni/bin' },
  dataDirs: { describe: 'Further folders of the host to remove', schema: paths, default: '' },
  remove: { describe: 'With --on-node: what to remove, as mounted', schema: paths, default: '' },
} satisfies Settings;

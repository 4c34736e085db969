/** The flags that preflight and cleanup share. */
import { z } from 'zod';
import { KUBERNETES_SETTINGS } from '../../kubernetes/settings.ts';
import type { Settings } from '../../runtime/config.ts';

export const NODE_TASK_SETTINGS = {
  onNode: {
    describe: 'The address of the node this runs on: do the work here instead of starting it on every node',
    schema: z.string(),
    default: '',
  },
  ...KUBERNETES_SETTINGS,
  namespace: { describe: 'The namespace of the product', schema: z.string().min(1), default: 'opencontrail' },
  image: { describe: 'The image that runs on each node', schema: z.string(), default: '' },
  pullPolicy: {
    describe: 'The image’s pull policy',
    schema: z.enum(['Always', 'IfNotPresent', 'Never']),
    default: 'IfNotPresent',
  },
  nodeTimeout: {
    describe: 'How long one node may take, in seconds',
    schema: z.coerce.number().positive(),
    default: '90',
  },
} satisfies Settings;

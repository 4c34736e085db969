/** How a program finds the API server, as its flags and environment say it. */
import { z } from 'zod';
import type { Settings } from '../runtime/config.ts';

export const KUBERNETES_SETTINGS = {
  kubeconfig: {
    describe: 'kubeconfig file; empty: the service account',
    schema: z.string(),
    default: '',
    env: ['KUBECONFIG'],
  },
  kubernetesApi: {
    describe: 'API server by an address that needs no ClusterIP, https://host:port; empty with --kubeconfig',
    schema: z.string(),
    default: '',
    env: ['KUBERNETES_API'],
  },
} as const satisfies Settings;

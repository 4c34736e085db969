/** A node: its addresses from Kubernetes, its virtual router from Contrail. */
import { desiredNode, type NodeInput } from '../../contrail/desired/node.ts';
import type { Reconciler } from '../deps.ts';
import { readNode } from '../lookup.ts';

export const nodeReconciler: Reconciler<NodeInput> = {
  input: async (key, deps) => {
    const node = await readNode(key.name, deps);
    if (node === undefined) return undefined;
    const { name, internalIPs, zone } = node;
    return { name, internalIps: internalIPs, ...(zone === undefined ? {} : { zone }) };
  },
  observe: async (key, _input, { contrail, settings }) => {
    const fqNames = [settings.names.virtualRouter(key.name)];
    return { kind: 'observed', found: await contrail.list('virtual-router', { fqNames, detail: true }) };
  },
  desired: desiredNode,
};

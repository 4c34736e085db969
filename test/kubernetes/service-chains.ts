/** ServiceChains as tests read them. */
import { slimServiceChain } from '../../kubernetes/service-chain.ts';

/** The chain `a/inspect` between two networks, of one service, `firewall`: pods with the label `app: firewall`. */
export function chainBetween(left: object, right: object) {
  return slimServiceChain({
    metadata: {
      namespace: 'a',
      name: 'inspect',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { left, right, services: [{ name: 'firewall', selector: { matchLabels: { app: 'firewall' } } }] },
  });
}

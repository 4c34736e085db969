/** Addresses that are nobody's back end. Pure. */
import { cidrList } from '../../runtime/cidr.ts';

/** Loopback, link-local, multicast and unspecified addresses, which no service may name as a back end (as in Kubernetes). */
export const isSpecialAddress = cidrList([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  'fe80::/10',
  'ff00::/8',
]);

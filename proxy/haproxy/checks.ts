/** Health checks of servers as text: who fails is sent nothing until it succeeds. Pure. */
import type { HealthCheck } from '../../kubernetes/health-check.ts';
import { word } from './words.ts';

/** The lines of a back end whose servers are checked; who does not take connections does not answer pings either. */
export function checkLines({ type, path = '/', port, delay, timeout, retries }: HealthCheck): readonly string[] {
  const at = port === undefined ? '' : ` port ${port}`;
  const tls = type === 'HTTPS' ? ' check-ssl verify none' : '';
  return [
    ...(type.startsWith('HTTP') ? httpLines(path) : []),
    `timeout check ${timeout}s`,
    `default-server check inter ${delay}s fall ${retries} rise 1${at}${tls}`,
  ];
}

/** The same that vRouters ask, and take for a success. */
function httpLines(path: string): readonly string[] {
  return [
    'option httpchk',
    `http-check send meth GET uri ${word(path)} ver HTTP/1.1 hdr Host localhost hdr User-Agent opencontrail-health-check`,
    'http-check expect status 200-399',
  ];
}

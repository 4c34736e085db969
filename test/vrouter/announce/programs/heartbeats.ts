/** A node that tells another one that it lives, and says who does: `<own address> <peer's address>`; SIGTERM: as where a vRouter is restarted. */
import { createLogger } from '../../../../runtime/log.ts';
import { createHeartbeat } from '../../../../vrouter/announce/heartbeat.ts';

const [own = '', peer = ''] = process.argv.slice(2);
const heartbeat = createHeartbeat(
  { own, port: 29_093 },
  {
    onLook: () => process.stdout.write(`${[...(heartbeat.alive() ?? [])].join()}\n`),
    onHear: () => undefined,
    log: createLogger('heartbeats', 'silent'),
  },
);
heartbeat.watch([peer]);
process.once('SIGTERM', () => void heartbeat.leave().then(() => process.exit(0)));

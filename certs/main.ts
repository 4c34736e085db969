/** `certs ensure|rotate|show`: makes, replaces or prints the certificates of an installation. */
import { createKubeClient } from '../kubernetes/client.ts';
import { KUBERNETES_SETTINGS } from '../kubernetes/settings.ts';
import { LOG_LEVEL } from '../runtime/common-settings.ts';
import { readSettings } from '../runtime/config.ts';
import { messageOf } from '../runtime/errors.ts';
import { createLogger } from '../runtime/log.ts';
import { runCommand } from './command.ts';
import { CERTIFICATE_SETTINGS, certificateSettings } from './settings.ts';

// The command is a word, not a flag; what follows it is parsed as every program's flags are.
const [command = '--help'] = process.argv.splice(2, 1);
if (command.startsWith('-')) process.argv.push(command);

const settings = readSettings(
  {
    name: 'certs',
    summary:
      'the CA and serving certificates: `ensure` makes what is missing or due, `rotate` new serving certificates now, `show` prints them.',
    example: 'certs ensure --kubernetes-api https://192.168.1.10:6443',
  },
  {
    ...CERTIFICATE_SETTINGS,
    ...KUBERNETES_SETTINGS,
    logLevel: LOG_LEVEL,
  },
);
const log = createLogger('certs', settings.logLevel);
try {
  const client = createKubeClient({ kubeconfig: settings.kubeconfig, apiServer: settings.kubernetesApi });
  process.stdout.write(await runCommand(command, certificateSettings(settings), { client, log, now: Date.now }));
} catch (error) {
  process.stderr.write(`certs: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

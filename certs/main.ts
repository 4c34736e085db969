/** `certs ensure|rotate|show`: makes, replaces or prints the certificates of an installation. */
import { z } from 'zod';
import { createKubeClient } from '../kubernetes/client.ts';
import { readSettings } from '../runtime/config.ts';
import { messageOf } from '../runtime/errors.ts';
import { createLogger } from '../runtime/log.ts';
import { CERTIFICATE_SETTINGS, certificateSettings } from './settings.ts';
import { runCommand } from './command.ts';

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
    kubernetesApi: {
      describe: 'The API server, https://host:port',
      schema: z.string(),
      default: '',
      env: ['KUBERNETES_API'],
    },
    kubeconfig: {
      describe: 'A kubeconfig file, outside of the cluster',
      schema: z.string(),
      default: '',
      env: ['KUBECONFIG'],
    },
    logLevel: { describe: 'debug, info, warn or error', schema: z.string(), default: 'info' },
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

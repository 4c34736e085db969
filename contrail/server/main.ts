/** The embedded config API as a program. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { LOG_LEVEL, listenAddress } from '../../runtime/common-settings.ts';
import { readSettings, type Settings, type SettingsValues } from '../../runtime/config.ts';
import { runProgram } from '../../runtime/lifecycle.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRegistry } from '../../runtime/metrics.ts';
import { createConfigMapMemory } from './memory.ts';
import { type ConfigServerOptions, startConfigServer } from './server.ts';

const program = {
  name: 'config-api',
  summary: "Contrail's config REST API, with its state in Redis.",
  example: 'config-api --listen 127.0.0.1:8082 --redis redis://127.0.0.1:6379/1',
};

const settings = {
  listen: {
    describe: 'Address and port to listen on. Without a token only a loopback address is allowed.',
    schema: listenAddress,
    default: '127.0.0.1:8082',
  },
  redis: {
    describe:
      'Redis that holds the database (redis://, rediss://, redis+sentinel://, redis+cluster://, redis+kubernetes://).',
    schema: z.string(),
  },
  prefix: {
    describe: 'Begins every key in Redis; keep the braces in a Redis Cluster.',
    schema: z.string(),
    default: '{opencontrail}',
  },
  token: {
    describe: 'Bearer token that every request must carry.',
    schema: z.string(),
    default: '',
    env: ['CONTRAIL_TOKEN'],
  },
  tokenFile: { describe: 'File that holds the token instead.', schema: z.string(), default: '' },
  tlsCert: {
    describe: 'Certificate (PEM file), read again when it changes; needs --tls-key.',
    schema: z.string(),
    default: '',
  },
  tlsKey: { describe: 'Private key of the certificate (PEM file).', schema: z.string(), default: '' },
  rebuild: {
    describe:
      'What a new or lost database does: "wait" for workers to rebuild it before addresses are given away, "off", or "auto": wait where a token is set.',
    schema: z.enum(['auto', 'wait', 'off']),
    default: 'auto',
  },
  changeLog: {
    describe: 'How many changes are kept for watchers that come back.',
    schema: z.coerce.number().int().positive(),
    default: '100000',
  },
  kubernetesApi: {
    describe: 'API server: finds redis+kubernetes:// URLs, and remembers the newest database with --memory-namespace.',
    schema: z.string(),
    default: '',
    env: ['KUBERNETES_API'],
  },
  memoryNamespace: {
    describe: 'Namespace of the ConfigMap that remembers the newest database; empty: whatever Redis holds is served.',
    schema: z.string(),
    default: '',
  },
  logLevel: LOG_LEVEL,
} satisfies Settings;

const values = readSettings(program, settings);
const log = createLogger(program.name, values.logLevel);

await runProgram(log, 10_000, async ({ onClose }) => {
  const server = await startConfigServer(optionsFrom(values));
  onClose('server', server.close);
  log.info({ url: server.url }, 'listening');
});

function optionsFrom(given: SettingsValues<typeof settings>): ConfigServerOptions {
  const token = given.tokenFile === '' ? given.token : readFileSync(given.tokenFile, 'utf8').trim();
  if (token === '' && !isLoopback(given.listen.host))
    throw new Error(`--listen ${given.listen.host} is not loopback: set --token, or listen on 127.0.0.1`);
  return {
    ...given.listen,
    ...(given.tlsCert === '' ? {} : { tls: { certFile: given.tlsCert, keyFile: given.tlsKey } }),
    redis: given.redis,
    ...(given.kubernetesApi === '' ? {} : { access: { apiServer: given.kubernetesApi } }),
    ...(given.memoryNamespace === ''
      ? {}
      : { memory: createConfigMapMemory(given.memoryNamespace, { apiServer: given.kubernetesApi }) }),
    token,
    prefix: given.prefix,
    initialState: initialState(given.rebuild, token),
    logLength: given.changeLog,
    log,
    registry: createRegistry(),
  };
}

function isLoopback(host: string): boolean {
  return /^(127\.|localhost$|::1$)/.test(host);
}

/** Who sets a token has workers that say when the database is whole. */
function initialState(rebuild: 'auto' | 'wait' | 'off', token: string): ConfigServerOptions['initialState'] {
  return rebuild === 'wait' || (rebuild === 'auto' && token !== '') ? 'rebuilding' : 'ready';
}

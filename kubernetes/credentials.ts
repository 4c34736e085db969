/** How to reach the API server and who asks: a mounted service account, or a kubeconfig file. */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent, type AgentOptions, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf } from '../runtime/errors.ts';

/** What every request needs: the server, the headers that say who asks, and the agent that holds its connections. */
export interface Access {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent | HttpAgent;
}

/** Yields current credentials; called before every request, so that a renewed token or CA is used at once. */
export type Credentials = () => Promise<Access>;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Client libraries of Kubernetes read a mounted token anew once a minute; it is renewed hours before it ends. */
const REREAD_MS = 60_000;
/** A dead peer is noticed after this long without an answer and ten probes a second apart. */
const KEEP_ALIVE: AgentOptions = { keepAlive: true, keepAliveMsecs: 15_000, maxSockets: 64 };

/** The service account that the kubelet mounts, asking the API server at `apiServer` (`https://host:port`). */
export function serviceAccountCredentials(
  apiServer: string,
  files: { readonly tokenFile?: string; readonly caFile?: string } = {},
): Credentials {
  let read: { readonly at: number; readonly access: Access; readonly ca: string } | undefined;
  return async () => {
    if (read !== undefined && performance.now() - read.at < REREAD_MS) return read.access;
    const token = await readFile(files.tokenFile ?? `${SERVICE_ACCOUNT}/token`, 'utf8');
    const ca = await readFile(files.caFile ?? `${SERVICE_ACCOUNT}/ca.crt`, 'utf8');
    const agent = read?.ca === ca ? read.access.agent : new Agent({ ...KEEP_ALIVE, ca });
    const access: Access = { server: apiServer, headers: { authorization: `Bearer ${token.trim()}` }, agent };
    read = { at: performance.now(), access, ca };
    return access;
  };
}

/** A token and a CA that are known already, as a function's environment holds them; without a CA the system's own are trusted. */
export function tokenCredentials(server: string, token: string, ca?: string): Credentials {
  const agent = new Agent({ ...KEEP_ALIVE, ...(ca === undefined ? {} : { ca }) });
  return async () => ({ server, headers: { authorization: `Bearer ${token}` }, agent });
}

/** The current context of a kubeconfig file, read by client-node: certificates, tokens, exec plugins, proxies. */
export function kubeconfigCredentials(file: string): Credentials {
  const loaded = loadKubeconfig({ file });
  // The failure is thrown to whoever asks first; until then it must not end the process.
  loaded.catch(() => undefined);
  return configCredentials(loaded);
}

/** What client-node assumes where there is neither a kubeconfig nor a service account. */
const ASSUMED_SERVER = 'http://localhost:8080';

/**
 * Reads a kubeconfig: `file`, or what `KUBECONFIG` or the home folder has, as kubectl does; `context` chooses another one. Throws where
 * there is none, it cannot be read, or it has no such context.
 */
export async function loadKubeconfig(where: {
  readonly file?: string | undefined;
  readonly context?: string | undefined;
}): Promise<KubeConfig> {
  // client-node costs 265 ms and 80 MB to import, which programs inside the cluster need not pay.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    if (where.file === undefined) config.loadFromDefault();
    else config.loadFromFile(where.file);
  } catch (error) {
    const named = where.file === undefined ? '' : ` ${where.file}`;
    throw new Error(`the kubeconfig${named} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const found = config.getCurrentCluster();
  if (where.file === undefined && found?.server === ASSUMED_SERVER && !found.skipTLSVerify)
    throw new Error('there is no kubeconfig: set KUBECONFIG, or name one by --kubeconfig');
  if (where.context !== undefined) chooseContext(config, where.context);
  return config;
}

function chooseContext(config: KubeConfig, context: string): void {
  const names = config.contexts.map(({ name }) => name);
  if (!names.includes(context))
    throw new Error(`the kubeconfig has no context ${context}: --context is one of ${names.join(', ')}`);
  config.setCurrentContext(context);
}

/** The current context of a kubeconfig that is being read. */
export function configCredentials(loaded: Promise<KubeConfig>): Credentials {
  let agent: Agent | HttpAgent | undefined;
  return async () => {
    const config = await loaded;
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig has no current cluster: name one with its current-context');
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    agent ??= agentFor(cluster.server, options, cluster.proxyUrl !== undefined);
    const basic = options.auth ? { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` } : {};
    return { server: cluster.server, headers: { ...textHeaders(options.headers), ...basic }, agent };
  };
}

function agentFor(server: string, options: RequestOptions, viaProxy: boolean): Agent | HttpAgent {
  if (viaProxy && options.agent instanceof HttpAgent) return options.agent;
  if (server.startsWith('http:')) return new HttpAgent(KEEP_ALIVE);
  const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options;
  const tls = { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized };
  return new Agent({
    ...KEEP_ALIVE,
    ...Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
  });
}

function textHeaders(headers: RequestOptions['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
}

/** The edge of the plugin: `CNI_*` and stdin become one checked request or one error of the specification. */
import {
  type CniCommand,
  type CniError,
  type CniRequest,
  CNI_VERSIONS,
  ERROR_CODES,
  PROTOCOL_VERSION,
} from '../protocol.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What an invocation turned out to be. `cniVersion` is the version to answer in. */
export type Invocation =
  | { readonly kind: 'about' }
  | { readonly kind: 'version'; readonly cniVersion: string }
  | { readonly kind: 'request'; readonly request: CniRequest }
  | { readonly kind: 'error'; readonly cniVersion: string; readonly error: CniError };

const NEWEST = '1.1.0';

/** Variables a command cannot do without (specification, section 2, "Parameters"); none of these commands is unknown. */
const REQUIRED: Readonly<Record<CniCommand, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  GC: ['CNI_PATH'],
  STATUS: [],
};

/** First version that knows a command; asking for it in an older one is an error of the runtime. */
const SINCE: Readonly<Partial<Record<CniCommand, string>>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' };

/** This process's environment: the one place of the plugin that reads it. */
export function readEnvironment(): Environment {
  return process.env;
}

/** Whether anybody called the plugin as a plugin; by hand it only says what it is, and stdin is not read. */
export function isInvoked(env: Environment): boolean {
  return (env['CNI_COMMAND'] ?? '') !== '';
}

/** Parses one invocation. Pure; every problem names the variable or the field. */
export function invocationOf(env: Environment, stdin: string): Invocation {
  const command = env['CNI_COMMAND'] ?? '';
  if (command === '') return { kind: 'about' };
  if (command === 'VERSION') return { kind: 'version', cniVersion: versionIn(stdin) };
  const config = parseConfig(stdin);
  if (config.kind === 'error') return { kind: 'error', cniVersion: NEWEST, error: config.error };
  const cniVersion = versionOf(config.value);
  const error = problemIn(command, cniVersion, env);
  if (error !== undefined)
    return { kind: 'error', cniVersion: CNI_VERSIONS.includes(cniVersion) ? cniVersion : NEWEST, error };
  // problemIn has refused every other command.
  return { kind: 'request', request: requestOf(command as CniCommand, cniVersion, env, config.value) };
}

function problemIn(command: string, cniVersion: string, env: Environment): CniError | undefined {
  if (!isCommand(command)) return failure('invalidEnvironment', `unknown CNI_COMMAND: ${command}`);
  if (!CNI_VERSIONS.includes(cniVersion)) {
    return failure(
      'incompatibleVersion',
      `incompatible CNI version ${cniVersion}`,
      `supported: ${CNI_VERSIONS.join(', ')}`,
    );
  }
  const since = SINCE[command];
  if (since !== undefined && cniVersion < since) {
    return failure(
      'incompatibleVersion',
      `config version ${cniVersion} does not allow ${command}`,
      `${command} is known since ${since}`,
    );
  }
  const missing = REQUIRED[command].filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) return failure('invalidEnvironment', `required environment missing: ${missing.join(', ')}`);
  return invalidName(env);
}

function invalidName(env: Environment): CniError | undefined {
  const containerId = env['CNI_CONTAINERID'] ?? '';
  if (containerId !== '' && !/^[a-zA-Z0-9][\w.-]*$/.test(containerId)) {
    return failure('invalidEnvironment', `CNI_CONTAINERID "${containerId}" has characters that are not allowed`);
  }
  // The kernel's own rule for device names: at most 15 bytes, no space, slash or colon, not "." or "..".
  const ifname = env['CNI_IFNAME'] ?? '';
  if (ifname !== '' && (!/^[^\s/:]{1,15}$/.test(ifname) || ifname === '.' || ifname === '..')) {
    return failure('invalidEnvironment', `CNI_IFNAME "${ifname}" is not the name of a network device`);
  }
  return undefined;
}

function requestOf(
  command: CniCommand,
  cniVersion: string,
  env: Environment,
  config: Readonly<Record<string, unknown>>,
): CniRequest {
  const given = (key: string, name: string) => ((env[name] ?? '') === '' ? {} : { [key]: env[name] });
  return {
    protocol: PROTOCOL_VERSION,
    command,
    cniVersion,
    ...given('containerId', 'CNI_CONTAINERID'),
    ...given('netns', 'CNI_NETNS'),
    ...given('ifname', 'CNI_IFNAME'),
    args: parseArgs(env['CNI_ARGS'] ?? ''),
    config,
  };
}

/** `K8S_POD_NAME=a;K8S_POD_NAMESPACE=b` as a record; pieces without `=` are ignored, as the runtimes do. */
function parseArgs(text: string): Record<string, string> {
  const pairs = text.split(';').flatMap((piece) => {
    const at = piece.indexOf('=');
    return at > 0 ? [[piece.slice(0, at), piece.slice(at + 1)] as const] : [];
  });
  return Object.fromEntries(pairs);
}

type ConfigResult =
  | { readonly kind: 'config'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'error'; readonly error: CniError };

function parseConfig(stdin: string): ConfigResult {
  try {
    const value: unknown = JSON.parse(stdin);
    if (isRecord(value)) return { kind: 'config', value };
    return {
      kind: 'error',
      error: failure('invalidConfig', 'the network configuration on stdin is not a JSON object'),
    };
  } catch (error) {
    return {
      kind: 'error',
      error: failure('decode', 'cannot decode the network configuration on stdin', String(error)),
    };
  }
}

function versionIn(stdin: string): string {
  const config = parseConfig(stdin);
  const version = config.kind === 'config' ? versionOf(config.value) : NEWEST;
  return CNI_VERSIONS.includes(version) ? version : NEWEST;
}

/** An absent version means 0.1.0 (specification, section 1), which is not served. */
function versionOf(config: Readonly<Record<string, unknown>>): string {
  const version = config['cniVersion'];
  return typeof version === 'string' && version !== '' ? version : '0.1.0';
}

function isCommand(text: string): text is CniCommand {
  return Object.hasOwn(REQUIRED, text);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function failure(code: keyof typeof ERROR_CODES, msg: string, details?: string): CniError {
  return { code: ERROR_CODES[code], msg, ...(details === undefined ? {} : { details }) };
}

/** The settings of the mutating webhook as a function. Functions have no flags, so each is an environment variable. */
import { z } from 'zod';
import { parseSettings, type ProgramDescription, type Setting, type SettingsValues } from '../../runtime/config.ts';
import { DECISION_SETTINGS } from '../decision-settings.ts';

const text = z.string();

export const FUNCTION_PROGRAM: ProgramDescription = {
  name: 'function',
  summary: 'the mutating webhook over plain HTTP/1.1 and HTTP/2, for hosts that bring TLS (Knative).',
  example: 'PORT=8080 function --kubernetes-api https://192.168.1.10:6443 --caller-token secret',
};

export const FUNCTION_SETTINGS = {
  kubernetesToken: {
    describe: 'Token for the API server, which may get namespaces; empty: the mounted service account',
    schema: text,
    default: '',
  },
  kubernetesCa: {
    describe: "PEM of the API server's authority, the text itself; empty: the system's own",
    schema: text,
    default: '',
  },
  callerToken: {
    describe: 'Bearer token that the API server must show; empty: whoever reaches the host may call',
    schema: text,
    default: '',
  },
  port: {
    describe: 'Where plain HTTP is served, where the host does not serve by itself',
    schema: z.coerce.number().int().min(0).max(65_535),
    default: '8080',
    env: ['PORT'],
  },
  ...DECISION_SETTINGS,
} as const satisfies Record<string, Setting<unknown>>;

export type FunctionSettings = SettingsValues<typeof FUNCTION_SETTINGS>;

/** Reads them from an environment alone. Throws with every problem. */
export function functionSettings(env: Readonly<Record<string, string | undefined>>): FunctionSettings {
  const parsed = parseSettings(FUNCTION_PROGRAM, FUNCTION_SETTINGS, { argv: [], env });
  if (parsed.kind === 'values') return parsed.values;
  throw new Error(parsed.kind === 'invalid' ? parsed.problems.join('\n') : parsed.text);
}

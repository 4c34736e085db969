/**
 * The Secrets that Ingresses name, and no others: each is read by its name, again and again, since the right to watch
 * Secrets would be the right to read all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kubernetes/client.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { contentOf, type SecretContent } from './certificate-secret.ts';

export interface SecretStore {
  readonly get: (name: string) => SecretContent | undefined;
  /** Says which Secrets (`namespace/name`) are named now; new ones are read at once. */
  readonly follow: (names: ReadonlySet<string>) => void;
}

export interface SecretStoreOptions {
  readonly kube: KubeClient;
  /** How often each Secret is read. */
  readonly intervalMs: number;
  /** Called when a Secret turned out to be another than before. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Starts following; runs until the signal is aborted. */
export function createSecretStore(options: SecretStoreOptions): SecretStore {
  const { kube, intervalMs, onChange, signal, log } = options;
  const contents = new Map<string, SecretContent>();
  let followed: ReadonlySet<string> = new Set();
  const read = async (name: string): Promise<void> => {
    const [namespace = '', secret = ''] = name.split('/');
    try {
      const content = contentOf(await kube.get(`/api/v1/namespaces/${namespace}/secrets/${secret}`, { signal }));
      if (JSON.stringify(contents.get(name)) === JSON.stringify(content)) return;
      contents.set(name, content);
      onChange();
    } catch (error) {
      // What was read before stays valid while the API server is away.
      if (!signal.aborted) log.warn({ secret: name, reason: messageOf(error) }, 'cannot read a Secret');
    }
  };
  void repeat(async () => void (await Promise.all([...followed].map(read))), { intervalMs, signal });
  return {
    get: (name) => contents.get(name),
    follow: (names) => {
      const news = [...names].filter((name) => !followed.has(name));
      followed = names;
      for (const name of contents.keys()) if (!names.has(name)) contents.delete(name);
      for (const name of news) void read(name);
    },
  };
}

async function repeat(
  run: () => Promise<void>,
  { intervalMs, signal }: { readonly intervalMs: number; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await run();
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

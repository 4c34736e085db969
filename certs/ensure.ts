/** One pass over all certificates: read what there is, decide, write, publish. Safe to run in every replica at once. */
import type { KubeClient } from '../kubernetes/client.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { createAuthority, issueServing } from './issue.ts';
import { bundleOf } from './pem.ts';
import {
  type Authority,
  type AuthorityStep,
  type Leaf,
  type Lifetimes,
  nextAuthorityStep,
  nextLeafStep,
  trustedBundle,
} from './policy.ts';
import { type Publication, publishBundle } from './publish.ts';
import {
  authorityIn,
  authorityTexts,
  leafIn,
  leafTexts,
  readSecret,
  type StoredSecret,
  writeSecret,
} from './secrets.ts';

/** A serving certificate that must exist. */
export interface WantedLeaf {
  readonly secret: string;
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** One made before this moment (milliseconds since 1970) is replaced, whatever its life. */
  readonly madeAfter?: number;
}

export interface CertificateSettings {
  readonly namespace: string;
  readonly authoritySecret: string;
  readonly leaves: readonly WantedLeaf[];
  /** The webhook configurations of this name are given the bundle of this leaf's Secret; absent: nothing is published. */
  readonly publish?: { readonly configuration: string; readonly secret: string };
  readonly lifetimes: Lifetimes;
}

export interface CertificateDeps {
  readonly client: KubeClient;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
}

/** What a pass found or made. */
export interface CertificatePass {
  readonly leaves: ReadonlyMap<string, Leaf>;
  readonly publication: Publication | 'none' | 'failed';
}

const TRIES = 10;

/** Brings CA, leaves and published bundles to where the policy wants them. Throws what the API server refuses. */
export async function ensureCertificates(
  settings: CertificateSettings,
  deps: CertificateDeps,
): Promise<CertificatePass> {
  const authority = await settleAuthority(settings, deps, await isPublished(settings, deps));
  const leaves = new Map<string, Leaf>();
  for (const wanted of settings.leaves) {
    leaves.set(wanted.secret, await settleLeaf(settings, { ...wanted, authority }, deps));
  }
  const published = settings.publish === undefined ? undefined : leaves.get(settings.publish.secret);
  return { leaves, publication: await tryPublish(settings, published?.bundle ?? '', deps) };
}

/** Before a next CA may sign, what it is trusted by must stand in every configuration: publish first, decide then. */
async function isPublished(settings: CertificateSettings, deps: CertificateDeps): Promise<boolean> {
  const stored = await readSecret(deps.client, settings.namespace, settings.authoritySecret);
  const authority = stored === undefined ? undefined : authorityIn(stored);
  if (authority?.next === undefined) return true;
  const publication = await tryPublish(settings, authority.bundle, deps);
  return publication !== 'contended' && publication !== 'failed';
}

/** A certificate of somebody else's is verified by its own CA, if it brings one along; else the configurations are left alone. */
async function publish(
  settings: CertificateSettings,
  bundle: string,
  deps: CertificateDeps,
): Promise<Publication | 'none'> {
  if (settings.publish === undefined) return 'none';
  const secret = await readSecret(deps.client, settings.namespace, settings.publish.secret);
  const text = secret === undefined || secret.isOurs ? bundle : (leafIn(secret)?.bundle ?? '');
  return text === '' ? 'none' : await publishBundle(deps.client, settings.publish.configuration, text);
}

/** A certificate serves even where its CA could not be published: the next pass tries again. */
async function tryPublish(
  settings: CertificateSettings,
  bundle: string,
  deps: CertificateDeps,
): Promise<CertificatePass['publication']> {
  try {
    return await publish(settings, bundle, deps);
  } catch (error) {
    deps.log.warn(
      { configuration: settings.publish?.configuration, reason: messageOf(error) },
      'the CA bundle could not be published',
    );
    return 'failed';
  }
}

/** What is to become of a Secret: it stays as it is, or gets these texts; `value` is what it holds then. */
type Verdict<T> = { readonly value: T; readonly texts?: Readonly<Record<string, string>> };

/** Reads, decides and writes until nobody else wrote in between. */
async function settle<T>(
  name: string,
  decide: (stored: StoredSecret | undefined) => Verdict<T>,
  { namespace, client }: { readonly namespace: string; readonly client: KubeClient },
): Promise<T> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const stored = await readSecret(client, namespace, name);
    const { value, texts } = decide(stored);
    const replaces = stored === undefined ? {} : { replaces: stored };
    if (texts === undefined || (await writeSecret(client, namespace, { name, texts, ...replaces }))) return value;
  }
  throw new Error(`Secret ${namespace}/${name} changes faster than it can be written`);
}

async function settleAuthority(
  settings: CertificateSettings,
  deps: CertificateDeps,
  published: boolean,
): Promise<Authority> {
  const name = settings.authoritySecret;
  const now = deps.now();
  const decide = (stored: StoredSecret | undefined): Verdict<Authority> => {
    const authority = stored === undefined ? undefined : authorityIn(stored);
    if (stored !== undefined && !stored.isOurs) return { value: given(authority, name) };
    const step = nextAuthorityStep(authority, { now, lifetimes: settings.lifetimes, published });
    if (step.step === 'keep') return { value: given(authority, name) };
    deps.log.info({ secret: name, step: step.step }, 'the certificate authority changes');
    const make = () => createAuthority('opencontrail', { now, days: settings.lifetimes.authorityDays });
    const changed = afterStep(step, authority, { now, make });
    return { value: changed, texts: authorityTexts(changed) };
  };
  return await settle(name, decide, { namespace: settings.namespace, client: deps.client });
}

function afterStep(
  step: Exclude<AuthorityStep, { step: 'keep' }>,
  authority: Authority | undefined,
  { now, make }: { readonly now: number; readonly make: () => Authority['current'] },
): Authority {
  if (step.step === 'create' || authority === undefined) {
    const current = make();
    return { current, bundle: bundleOf([current.cert, authority?.bundle ?? ''], now) };
  }
  if (step.step === 'introduce') return withBundle({ ...authority, next: { ...make(), since: now } }, now);
  if (step.step === 'bundle') return { ...authority, bundle: step.bundle };
  const { cert, key } = authority.next ?? authority.current;
  return withBundle({ current: { cert, key }, bundle: authority.bundle }, now);
}

function withBundle(authority: Authority, now: number): Authority {
  return { ...authority, bundle: trustedBundle(authority, now) };
}

async function settleLeaf(
  { namespace, lifetimes }: CertificateSettings,
  wanted: WantedLeaf & { readonly authority: Authority },
  { client, now, log }: CertificateDeps,
): Promise<Leaf> {
  const decide = (stored: StoredSecret | undefined): Verdict<Leaf> => {
    const leaf = stored === undefined ? undefined : leafIn(stored);
    if (stored !== undefined && !stored.isOurs) return { value: given(leaf, wanted.secret) };
    const step = nextLeafStep(leaf, wanted, now());
    if (step.step === 'keep') return { value: given(leaf, wanted.secret) };
    log.info(
      { secret: wanted.secret, reason: step.step === 'issue' ? step.reason : 'trust' },
      'a serving certificate changes',
    );
    const { current, bundle } = wanted.authority;
    const pair =
      step.step === 'issue'
        ? issueServing(current, wanted.names, { now: now(), days: lifetimes.leafDays })
        : given(leaf, wanted.secret);
    const changed = { cert: pair.cert, key: pair.key, bundle };
    return { value: changed, texts: leafTexts(changed) };
  };
  return await settle(wanted.secret, decide, { namespace, client });
}

function given<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new Error(`Secret ${name} was not made by opencontrail and lacks tls.crt or tls.key: add them, or delete it`);
}

/** The addresses by which a Service is reached from outside: what it may have, what is said where it cannot, and what its status says. */
import { type ExternalInput, floatingIpUuids } from '../../contrail/desired/external.ts';
import type { ServiceInput } from '../../contrail/desired/service.ts';
import type { ContrailObject } from '../../contrail/objects.ts';
import type { ObjectReference } from '../../kubernetes/events.ts';
import { TerminalError } from '../../runtime/errors.ts';
import { type ApplyDeps, type Deps, isRebuild } from '../deps.ts';
import { externalInputs, type ExternalSubject, namedInContrail } from '../desired/external.ts';
import type { AskedService } from '../desired/service.ts';
import { readForeignPool } from '../foreign-pools.ts';
import { sharedWithNode } from '../node-addresses.ts';
import { noneLeft, refusedAddress } from '../refused-address.ts';
import { writeAddresses } from '../service-status.ts';
import type { WorkerService } from '../services.ts';
import { TakenMeanwhile } from '../taken-meanwhile.ts';
import { tell } from '../tell.ts';

/** What cannot be had outside takes nothing from what a Service is inside: its refusal is told when that stands. */
export async function externalOf(
  subject: ExternalSubject,
  deps: Deps,
): Promise<Pick<AskedService, 'external' | 'elsewhere' | 'refusal' | 'isWithdrawn'>> {
  const named = namedInContrail(subject);
  try {
    const foreign = named && (await readForeignPool(named, deps));
    const asked = { ...subject, ...(foreign === undefined ? {} : { foreign }) };
    const [external, ...elsewhere] = externalInputs(asked, deps.settings);
    if (external === undefined) return (await isServedYet(subject.service, deps)) ? { isWithdrawn: true } : {};
    if (isRebuild(deps)) return { external: withGivenAlone(external) };
    return { external, ...(elsewhere.length === 0 ? {} : { elsewhere }) };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { refusal: { reason: error.reason, message: error.message } };
  }
}

/** Whether its status says an address that a pool of ours gave it; others write statuses, too. */
async function isServedYet({ uid, balancer }: WorkerService, { contrail }: Deps): Promise<boolean> {
  if (balancer === undefined || balancer.assigned.length === 0) return false;
  const found = await contrail.list('floating-ip', { uuids: floatingIpUuids(uid), detail: true });
  return addressesOf(found).some((address) => balancer.assigned.includes(address));
}

function withGivenAlone({ addresses, ...external }: ExternalInput): ExternalInput {
  const isGiven = ({ address }: ExternalInput['addresses'][number]): boolean =>
    address !== undefined && external.assigned.includes(address);
  return { ...external, addresses: addresses.filter(isGiven) };
}

/** The addresses outside that a Service has been given before it asked for what it cannot have. */
export function kept({ uid, refusal }: AskedService, found: readonly ContrailObject[]): readonly ContrailObject[] {
  if (refusal === undefined) return [];
  const own = floatingIpUuids(uid);
  return found.filter((object) => own.includes(object.uuid));
}

/** A refusal of Contrail's in the user's terms. What a status says and somebody else has, it does not say any more. */
export async function explainRefusal(error: unknown, input: AskedService, deps: ApplyDeps): Promise<Error | undefined> {
  const refusal = refusalOf(error, input);
  if (!saysWhatIsAnothers(refusal, input)) return refusal;
  await writeAddresses(input, [], deps);
  return new Error(`${refusal.message}; its status does not say it any more, and another is given`);
}

/** An address that was not asked for another pool gives, or a pool later, when there is one. */
function refusalOf(error: unknown, input: AskedService): Error | undefined {
  const { external, elsewhere = [] } = input;
  const wanted = external?.addresses.flatMap(({ address }) => address ?? []) ?? [];
  if (wanted.length > 0) return refusedAddress(error, { wanted: wanted.join(', '), pool: poolNameOf(input) });
  const none = noneLeft(error, exhaustedBy(input));
  return none !== undefined && elsewhere.length > 0 ? new TakenMeanwhile([], none.message, { cause: none }) : none;
}

/** The same of the next pool. */
export function askedElsewhere(input: AskedService): AskedService {
  const [external, ...elsewhere] = input.elsewhere ?? [];
  return external === undefined ? input : { ...input, external, elsewhere, exhausted: exhaustedBy(input) };
}

function exhaustedBy(input: AskedService): readonly string[] {
  return [...(input.exhausted ?? []), poolNameOf(input)];
}

function poolNameOf({ external }: ServiceInput): string {
  return external?.pool.at(-1) ?? '';
}

/** An address that the Service has by its status alone: whoever holds it by now has it. */
function saysWhatIsAnothers(refusal: Error | undefined, { external }: ServiceInput): refusal is TerminalError {
  const { addresses = [], assigned = [] } = external ?? {};
  return (
    refusal instanceof TerminalError &&
    /already in use/i.test(refusal.message) &&
    addresses.every(({ address }) => address === undefined || assigned.includes(address))
  );
}

/** Tells the Service which addresses it has been given, and yields the input as it will be when the status has been seen. */
export async function withAddresses(input: AskedService, deps: Deps): Promise<AskedService> {
  const { external, elsewhere: _unasked, exhausted: _full, isWithdrawn = false, ...rest } = input;
  if (isWithdrawn) await writeAddresses(input, [], deps);
  if (external === undefined) return rest;
  // A FloatingIP's address may hang on the same interface, and is not the Service's to keep.
  const own = await deps.contrail.list('floating-ip', { uuids: floatingIpUuids(input.uid), detail: true });
  const given = addressesOf(own).sort(v4First);
  if (given.join() !== external.assigned.join()) await writeAddresses(input, given, deps);
  const shared = sharedWithNode(given, deps.view.nodes.list());
  if (shared !== undefined) await tell(serviceReference(input), shared, deps);
  return { ...rest, external: { ...external, addresses: withGiven(external.addresses, given), assigned: given } };
}

export function serviceReference({ namespace, name, uid }: ServiceInput): ObjectReference {
  return { apiVersion: 'v1', kind: 'Service', namespace, name, uid };
}

function addressesOf(floatingIps: readonly ContrailObject[]): string[] {
  // The schema's field.
  return floatingIps.flatMap((object) => (object['floating_ip_address'] as string | undefined) ?? []);
}

function withGiven(addresses: ExternalInput['addresses'], given: readonly string[]): ExternalInput['addresses'] {
  return addresses.map(({ family }) => {
    const address = given.find((each) => each.includes(':') === (family === 'v6'));
    return { family, ...(address === undefined ? {} : { address }) };
  });
}

function v4First(a: string, b: string): number {
  return Number(a.includes(':')) - Number(b.includes(':'));
}

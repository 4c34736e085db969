/** What makes the kernel answer for addresses: a proxy entry and a route for each, written many at a time. */
import { failedLines } from '../apply/ip.ts';
import type { Run } from '../apply/run.ts';
import { ROUTE_PROTOCOL } from '../linux/names.ts';

/** An address, and the interface where it is answered for; empty where that is not known. */
export type Place = readonly [address: string, interfaceName: string];

/** Of a listing of both families. */
export function proxiesIn(listing: string): readonly Place[] {
  return [...listing.matchAll(/^(\S+) dev (\S+)/gm)].map(([, address = '', name = '']) => [address, name]);
}

/** The addresses that are held, as the routes say, and where; a device that is gone has none. */
export async function readHeld(run: Run, device: string): Promise<Map<string, string>> {
  const lists = ['-4', '-6'].map((each) =>
    run(['ip', each, 'route', 'show', 'table', 'main', 'proto', `${ROUTE_PROTOCOL}`, 'dev', device]),
  );
  const places = new Map(proxiesIn((await run(['ip', 'neigh', 'show', 'proxy'])).stdout));
  const held = (await Promise.all(lists)).flatMap(({ stdout }) =>
    [...stdout.matchAll(/^([0-9a-f.:]+) /gm)].map(([, a = '']) => a),
  );
  return new Map(held.map((address) => [address, places.get(address) ?? '']));
}

interface Where {
  /** The tunnel's. */
  readonly device: string;
  /** This node's own address, the source of its packets to such an address. */
  readonly own: string;
  readonly name: string;
}

/** The addresses that the kernel has taken, and what it said of the first that it has not. */
export async function takeUp(
  run: Run,
  { device, own, name }: Where,
  addresses: readonly string[],
): Promise<{ readonly taken: readonly string[]; readonly refusal: string | undefined }> {
  const refused = await batches(run, addresses, (address) => {
    const source = address.includes(':') || own.includes(':') ? '' : ` src ${own}`;
    return [
      `route replace ${address} dev ${device} proto ${ROUTE_PROTOCOL}${source}`,
      `neigh replace proxy ${address} dev ${name}`,
    ];
  });
  const [refusal] = [...refused].map(([address, reason]) => `${address} at ${name}: ${reason}`);
  return { taken: addresses.filter((each) => !refused.has(each)), refusal };
}

/** What is gone already is fine. */
export async function release(run: Run, device: string, places: readonly Place[]): Promise<void> {
  const names = new Map(places);
  await batches(run, [...names.keys()], (address) => {
    const name = names.get(address) ?? '';
    const proxy = name === '' ? [] : [`neigh del proxy ${address} dev ${name}`];
    return [...proxy, `route del ${address} dev ${device} proto ${ROUTE_PROTOCOL}`];
  });
}

/** Runs lines for each address, a batch for each family; answers what was said of those of which one failed. */
async function batches(
  run: Run,
  addresses: readonly string[],
  linesOf: (address: string) => readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const refused = new Map<string, string>();
  for (const family of ['-4', '-6'] as const) {
    const lines = addresses
      .filter((address) => address.includes(':') === (family === '-6'))
      .flatMap((address) => linesOf(address).map((line) => [address, line] as const));
    if (lines.length === 0) continue;
    const script = lines.map(([, line]) => `${line}\n`).join('');
    const { code, stderr: said } = await run(['ip', family, '-force', '-batch', '-'], script);
    const failed = failedLines({ said, linesBefore: 0 }, lines);
    for (const [address, reason] of failed) refused.set(address, reason);
    // It has not come to its end: nobody knows how far it had got.
    if (code !== 0 && failed.size === 0) for (const [address] of lines) refused.set(address, said.trim());
  }
  return refused;
}

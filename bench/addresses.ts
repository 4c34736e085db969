/** Addresses per second from the config API, with 60,000 of one network in use against none; both on the real server and Redis. */
import { createBase, createNetwork, inProject } from '../test/contrail/server/world.ts';
import { type ConfigApi, inTurns, startConfigApi } from './config-api.ts';

const IN_USE = 60_000;
const SAMPLE = 3_000;
const AT_ONCE = 32;

/** The lines of the report. */
export async function run(): Promise<readonly string[]> {
  const api = await startConfigApi();
  try {
    await createBase(api.contrail);
    await createNetwork(api.contrail, 'net');
    await allocate(api, 'warm', 1_000);
    await release(api);
    const empty = SAMPLE / (await allocate(api, 'empty', SAMPLE));
    await allocate(api, 'fill', IN_USE - SAMPLE);
    const full = SAMPLE / (await allocate(api, 'full', SAMPLE));
    return [
      `addresses per second with ${IN_USE.toLocaleString('en')} in use: ${Math.round(full)} against ${Math.round(empty)} with none, ratio ${(full / empty).toFixed(2)}`,
    ];
  } finally {
    await api.stop();
  }
}

async function allocate({ contrail }: ConfigApi, name: string, count: number): Promise<number> {
  return await inTurns(count, AT_ONCE, async (index) =>
    contrail.create({
      type: 'instance-ip',
      fq_name: [`${name}-${index}`],
      virtual_network_refs: [{ to: inProject('net') }],
    }),
  );
}

async function release({ contrail }: ConfigApi): Promise<void> {
  const all = await contrail.list('instance-ip');
  await inTurns(all.length, AT_ONCE, async (index) => contrail.delete('instance-ip', all[index]?.uuid ?? ''));
}

/** Under which UIDs a Service's objects may stand: noted before they are made, listed once for each namespace. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createRedis, type Redis } from '../../runtime/redis.ts';
import { createKnownUids, type KnownUids } from '../../workers/known-uids.ts';
import { startRedis, type TestRedis } from '../redis.ts';

let server: TestRedis;
let redis: Redis;
let epoch: string | undefined;
let uids: KnownUids;
let listings: number;

beforeAll(async () => {
  server = await startRedis();
  redis = createRedis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  [epoch, listings] = ['e1', 0];
  uids = createKnownUids(redis, () => epoch);
});

const service = (name: string) => ({ kind: 'Service', namespace: 'shop', name }) as const;
/** What stands in the config API. */
const standing = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
  listings += 1;
  return new Map([['Service/shop/web', ['old', 'older']]]);
};
const of = async (name: string, own?: string) => [...(await uids.of(service(name), own, standing))].sort();

test('what stands in a namespace is listed once, whoever comes', async () => {
  expect(await of('web', 'new')).toEqual(['new', 'old', 'older']);
  expect(await of('cart', 'c1')).toEqual(['c1']);
  expect(await of('gone')).toEqual([]);
  expect(listings).toBe(1);
});

test('a predecessor is known by what its own run has noted, until nothing of it is left', async () => {
  await of('cart', 'c1');
  expect(await of('cart', 'c2')).toEqual(['c1', 'c2']);
  await uids.settle(service('cart'), 'c2');
  expect(await of('cart', 'c2')).toEqual(['c2']);
  expect(await of('cart')).toEqual(['c2']);
  await uids.settle(service('cart'), undefined);
  expect(await of('cart')).toEqual([]);
});

test('what is doubted is listed again', async () => {
  await of('web', 'new');
  await uids.settle(service('web'), 'new');
  await uids.doubt(['shop']);
  expect(await of('web', 'new')).toEqual(['new', 'old', 'older']);
  expect(listings).toBe(2);
});

test('an Ingress has UIDs of its own, though a Service of its name is there', async () => {
  await of('web', 'new');
  const ingress = { kind: 'Ingress', namespace: 'shop', name: 'web' } as const;
  const its = async () => await uids.of(ingress, 'i2', async () => new Map([['Ingress/shop/web', ['i1']]]));
  expect([...(await its())].sort()).toEqual(['i1', 'i2']);
  await uids.settle(ingress, 'i2');
  expect(await its()).toEqual(['i2']);
  await uids.doubt(['shop']);
  expect([...(await its())].sort()).toEqual(['i1', 'i2']);
  expect(await of('web', 'new')).toEqual(['new', 'old', 'older']);
});

test('another database, or an unknown one, is listed', async () => {
  await of('cart', 'c1');
  epoch = 'e2';
  expect(await of('cart', 'c2')).toEqual(['c2']);
  epoch = undefined;
  expect(await of('web', 'new')).toEqual(['new', 'old', 'older']);
  expect(listings).toBe(3);
});

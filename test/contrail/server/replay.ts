/** Replays a recorded session of a real Contrail API server and compares the answers, UUIDs and times aside. */
import { readFileSync } from 'node:fs';
import type { Answer } from './support.ts';

export interface Exchange {
  readonly n: number;
  readonly note: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    readonly headers?: Record<string, string>;
  };
  readonly response: {
    readonly status: number;
    readonly content_type: string | null;
    readonly body?: unknown;
    readonly etag?: string;
  };
}

export interface Difference {
  readonly n: number;
  readonly note: string;
  readonly request: string;
  readonly what: string;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+/g;
const RECORDED_BASE = 'http://127.0.0.1:18082';
/** Pages of a list that is sorted by UUIDs which the server chose: their size and marker can be compared, not their content. */
const BY_UUID = new Set([155, 156]);
const SECOND_PAGE = 156;
/** The recording names no request headers; this one carried the tag of the answer before. */
const WITH_ETAG = 170;

export function loadSession(): Exchange[] {
  const text = readFileSync(new URL('./fixtures/contrail-api-session.jsonl', import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Exchange);
}

/** Sends every exchange in order; `send` gets the request with this server's UUIDs in place of the recorded ones. */
export async function replay(
  session: readonly Exchange[],
  base: string,
  send: (request: Exchange['request']) => Promise<Answer>,
): Promise<Difference[]> {
  const uuids = new Map<string, string>();
  const differences: Difference[] = [];
  let marker = '';
  for (const { n, note, request, response } of session) {
    const ours = (text: string): string => text.replaceAll(UUID, (uuid) => uuids.get(uuid) ?? uuid);
    const translated = JSON.parse(ours(JSON.stringify(request))) as Exchange['request'];
    const etag = n === WITH_ETAG ? { headers: await currentEtag(send, translated.path) } : {};
    const path =
      n === SECOND_PAGE ? translated.path.replace(/page_marker=[^&]*/, `page_marker=${marker}`) : translated.path;
    const answer = await send({ ...translated, path, ...etag });
    if (BY_UUID.has(n)) marker = String((answer.body as { marker?: unknown }).marker);
    const what = differs({ n, response }, answer, { uuids, base });
    if (what !== undefined)
      differences.push({ n, note, request: `${request.method} ${request.path.split('?')[0]}`, what });
  }
  return differences;
}

interface Context {
  readonly uuids: Map<string, string>;
  readonly base: string;
}

/** Times differ from run to run, and so does the tag that they make. */
async function currentEtag(
  send: (request: Exchange['request']) => Promise<Answer>,
  path: string,
): Promise<Record<string, string>> {
  return { 'if-none-match': (await send({ method: 'GET', path })).etag ?? '' };
}

function differs(
  { n, response }: Pick<Exchange, 'n' | 'response'>,
  answer: Answer,
  context: Context,
): string | undefined {
  if (response.status !== answer.status)
    return `status ${answer.status} instead of ${response.status}: ${answer.text.slice(0, 120)}`;
  if (response.status === 304) return answer.text === '' ? undefined : 'a body with 304';
  if (response.content_type !== answer.contentType)
    return `content type ${answer.contentType} instead of ${response.content_type}`;
  if ((response.etag === undefined) !== (answer.etag === null)) return 'an ETag on one side only';
  if (response.body === undefined || response.body === null)
    return answer.text === '' ? undefined : `a body: ${answer.text.slice(0, 80)}`;
  if (BY_UUID.has(n)) return pageDiffers(response.body, answer.body);
  return compare(response.body, answer.body, 'body', context);
}

function pageDiffers(recorded: unknown, actual: unknown): string | undefined {
  const [a, b] = [recorded, actual].map((page) => Object.values(page as Record<string, unknown[]>)[0] ?? []);
  if (a?.length !== b?.length) return `${b?.length} items instead of ${a?.length}`;
  const last = b?.at(-1) as { uuid?: string } | undefined;
  return last?.uuid === (actual as { marker: unknown }).marker ? undefined : 'the marker is not the last UUID';
}

function compare(recorded: unknown, actual: unknown, path: string, context: Context): string | undefined {
  if (typeof recorded === 'string' && typeof actual === 'string') return compareText(recorded, actual, path, context);
  if (Array.isArray(recorded) && Array.isArray(actual)) return compareLists(recorded, actual, path, context);
  if (isRecord(recorded) && isRecord(actual)) return compareRecords(recorded, actual, path, context);
  return Object.is(recorded, actual)
    ? undefined
    : `${path}: ${JSON.stringify(actual)} instead of ${JSON.stringify(recorded)}`;
}

function compareRecords(
  recorded: Record<string, unknown>,
  actual: Record<string, unknown>,
  path: string,
  context: Context,
): string | undefined {
  const keys = new Set([...Object.keys(recorded), ...Object.keys(actual)]);
  // Identities first: they teach which UUIDs correspond.
  for (const key of [...keys].sort((a, b) => Number(b === 'uuid') - Number(a === 'uuid'))) {
    if (!(key in actual)) return `${path}.${key} is missing`;
    if (!(key in recorded)) return `${path}.${key} is too much: ${JSON.stringify(actual[key])}`;
    // Halves of a UUID as numbers: JSON.parse rounds them, so only their kind is compared here.
    const isHalf = key === 'uuid_mslong' || key === 'uuid_lslong';
    const what = isHalf
      ? sameKind(recorded[key], actual[key], path)
      : compare(recorded[key], actual[key], `${path}.${key}`, context);
    if (what !== undefined) return what;
  }
  return undefined;
}

function sameKind(recorded: unknown, actual: unknown, path: string): string | undefined {
  return typeof recorded === typeof actual ? undefined : `${path}: ${typeof actual} instead of ${typeof recorded}`;
}

/** Lists of named things are sets: their order is nowhere promised. */
function compareLists(recorded: unknown[], actual: unknown[], path: string, context: Context): string | undefined {
  if (recorded.length !== actual.length && !path.endsWith('.links'))
    return `${path}: ${actual.length} items instead of ${recorded.length}`;
  for (const [index, item] of recorded.entries()) {
    const name = nameOf(item);
    const partner = name === undefined ? actual[index] : actual.find((other) => nameOf(other) === name);
    if (partner === undefined) return `${path}: ${name} is missing`;
    const what = compare(item, partner, `${path}[${name ?? index}]`, context);
    if (what !== undefined) return what;
  }
  return undefined;
}

function nameOf(item: unknown): string | undefined {
  if (!isRecord(item)) return undefined;
  if (Array.isArray(item['fq_name'])) return item['fq_name'].join(':');
  if (Array.isArray(item['to'])) return item['to'].join(':');
  const inner = Object.values(item)[0];
  if (isRecord(inner) && Array.isArray(inner['fq_name'])) return inner['fq_name'].join(':');
  if (isRecord(inner) && 'rel' in inner)
    return `${String(inner['rel'])} ${String(inner['name'])} ${String(inner['method'])}`;
  return undefined;
}

function compareText(recorded: string, actual: string, path: string, context: Context): string | undefined {
  const rename = (uuid: string): string => context.uuids.get(uuid) ?? uuid;
  const theirs = macOf(recorded, context.uuids) ?? sortHrefs(recorded.replaceAll(RECORDED_BASE, context.base), rename);
  const ours = sortHrefs(actual, (uuid) => uuid);
  const shape = (text: string): string => text.replaceAll(UUID, '<uuid>').replaceAll(TIME, '<time>');
  if (shape(theirs) !== shape(ours)) return `${path}: "${actual.slice(0, 160)}" instead of "${recorded.slice(0, 160)}"`;
  return learn([...theirs.matchAll(UUID)].map(String), [...ours.matchAll(UUID)].map(String), context.uuids);
}

/** UUIDs correspond one to one; the first meeting decides. */
function learn(theirs: readonly string[], ours: readonly string[], uuids: Map<string, string>): string | undefined {
  for (const [index, recorded] of theirs.entries()) {
    const uuid = ours[index] ?? '';
    const known = uuids.get(recorded) ?? (recorded === uuid ? uuid : undefined);
    if (known !== undefined && known !== uuid && recorded !== uuid) return `UUID ${uuid} instead of ${known}`;
    if (known === undefined) uuids.set(recorded, uuid);
  }
  return undefined;
}

/** Lists of URLs inside error texts are in the order of UUIDs. */
function sortHrefs(text: string, rename: (uuid: string) => string): string {
  return text.replaceAll(/\['http[^\]]*\]/g, (list) => {
    const hrefs = list
      .slice(1, -1)
      .split(', ')
      .map((href) => href.replaceAll(UUID, rename));
    return `[${hrefs.sort().join(', ')}]`;
  });
}

/** A MAC address follows from the UUID of its port. */
function macOf(mac: string, uuids: ReadonlyMap<string, string>): string | undefined {
  if (!/^02(:[0-9a-f]{2}){5}$/.test(mac)) return undefined;
  const found = [...uuids].find(([recorded]) => madeMac(recorded) === mac);
  return found === undefined ? undefined : madeMac(found[1]);
}

function madeMac(uuid: string): string {
  return `02:${uuid.slice(0, 2)}:${uuid.slice(2, 4)}:${uuid.slice(4, 6)}:${uuid.slice(6, 8)}:${uuid.slice(9, 11)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

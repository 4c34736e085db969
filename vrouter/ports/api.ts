/** The port API over HTTP (facts 6.6), with `?wait=<ms>` and the introspection pages as additions. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { prettifyError } from 'zod';
import type { Registry } from 'prom-client';
import { messageOf } from '../../runtime/errors.ts';
import { answerHealth, openServer } from '../../runtime/health.ts';
import type { ReadinessCheck } from '../../runtime/health.ts';
import { type Answer, bodyOf, json, notFound } from './answer.ts';
import { configurationAnswer, portAnswer } from './answers.ts';
import { bindingSchema } from './binding.ts';
import { capturePort, type CaptureDeps } from './capture.ts';
import { explain, introspect, type IntrospectionDeps } from './introspect.ts';
import type { Ports } from './ports.ts';

/** The longest that one request waits, in milliseconds. */
const MAX_WAIT_MS = 60_000;

interface ApiDeps extends IntrospectionDeps, CaptureDeps {
  readonly ports: Ports;
  readonly registry: Registry;
  readonly checks: readonly ReadinessCheck[];
}

interface Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  /** The path's parts after its first. */
  readonly parts: readonly string[];
  readonly gone: AbortSignal;
}

type Route = (call: Call, deps: ApiDeps) => Promise<Answer> | Answer;

const ROUTES: Readonly<Record<string, Route>> = {
  'POST vm': addPort,
  'GET vm': readPorts,
  'DELETE vm': deletePorts,
  'GET vm-cfg': readConfiguration,
  'GET capture': async ({ parts: [vmi = ''], url, gone }, deps) =>
    capturePort(vmi, Object.fromEntries(url.searchParams), { ...deps, gone }),
  'GET introspect': async ({ parts: [what = ''] }, deps) => introspect(what, deps),
  'POST introspect': async ({ request, parts: [what = ''] }, { engine }) =>
    explain(what, await bodyOf(request), engine),
};

/** Serves the port API on `host:port`; resolves when listening. */
export async function servePorts(
  address: { readonly host: string; readonly port: number },
  deps: ApiDeps,
): Promise<Server> {
  return await openServer(address, (request, response) => {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    void respond(response, answer(request, abort.signal, deps));
  });
}

async function respond(response: ServerResponse, answering: Promise<Answer>): Promise<void> {
  const { status, body, contentType = 'application/json; charset=UTF-8', trailer } = await answering;
  response.writeHead(status, {
    'content-type': contentType,
    ...(trailer === undefined ? {} : { trailer: trailer.name }),
  });
  if (typeof body === 'string') return void response.end(body);
  body.pipe(response, { end: false });
  body.once('close', () => {
    void trailer?.value.then((value) => response.addTrailers({ [trailer.name]: value })).finally(() => response.end());
  });
}

async function answer(request: IncomingMessage, gone: AbortSignal, deps: ApiDeps): Promise<Answer> {
  try {
    const url = new URL(request.url ?? '/', 'http://vrouter');
    const health = await answerHealth(url.pathname, deps);
    if (health !== undefined) return health;
    const [first = '', ...parts] = url.pathname.split('/').slice(1).map(decodeURIComponent);
    const route = ROUTES[`${request.method} ${first}`];
    if (route === undefined) return { status: 404, body: JSON.stringify({ error: 'Unknown Request' }) };
    return await route({ request, url, parts, gone }, deps);
  } catch (error) {
    return { status: 500, body: JSON.stringify({ error: `{ ${messageOf(error)} }` }) };
  }
}

async function addPort({ request }: Call, { ports }: ApiDeps): Promise<Answer> {
  const parsed = bindingSchema.safeParse(JSON.parse(await bodyOf(request)));
  if (!parsed.success) return { status: 500, body: JSON.stringify({ error: `{ ${prettifyError(parsed.error)} }` }) };
  await ports.bind(parsed.data);
  return json({});
}

async function readPorts({ parts: [vm = '', vmi], url, gone }: Call, { ports, engine }: ApiDeps): Promise<Answer> {
  const waitMs = Math.min(Number(url.searchParams.get('wait') ?? 0) || 0, MAX_WAIT_MS);
  const wanted = vmi === undefined ? ports.of(vm).map((binding) => binding['vmi-uuid']) : [vmi];
  const ready = await Promise.all(wanted.map(async (uuid) => engine.whenProgrammed(uuid, { waitMs, signal: gone })));
  const state = engine.state();
  const items = wanted.flatMap((uuid, index) => {
    const binding = ports.get(uuid);
    const port = state?.ports.find((candidate) => candidate.vmi === uuid);
    if (!ready[index] || binding === undefined || port === undefined || port.vm !== vm) return [];
    return state === undefined ? [] : [portAnswer(port, { binding, state, revision: engine.realised()?.revision })];
  });
  return items.length === 0 ? notFound() : json(items);
}

async function deletePorts({ request, parts: [vm = ''] }: Call, { ports }: ApiDeps): Promise<Answer> {
  await ports.unbind(vm, sandboxOf(await bodyOf(request)));
  return json({});
}

function readConfiguration({ parts: [name = ''] }: Call, { engine }: ApiDeps): Answer {
  const found = (engine.state()?.ports ?? []).filter(({ vmName }) => vmName === name);
  return found.length === 0 ? notFound() : json(found.map(configurationAnswer));
}

/** Contrail's agent ignores the body; ours says which sandbox is going. Anything else in it is passed over. */
function sandboxOf(body: string): string | undefined {
  try {
    const id = (JSON.parse(body) as { 'vm-id'?: unknown } | null)?.['vm-id'];
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

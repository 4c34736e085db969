/** Each platform's own local runtime around our function, behind a TLS front as the platform has one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:http2';
import { createServer as createTlsServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pair } from '../../../certs/issue.ts';
import { checkout } from '../../lab/paths.ts';

/** A call as the front received it, and what the function answered. */
export interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export interface Reply {
  readonly status: number;
  readonly text: string;
}

export interface Platform {
  readonly send: (call: Call) => Promise<Reply>;
  readonly stop: () => Promise<void>;
}

type Environment = Readonly<Record<string, string>>;
const bin = (name: string): string => join(checkout, 'node_modules/.bin', name);
const bundle = (path: string): string => join(checkout, 'dist/functions', path);

/** The platforms by name; each starts its runtime with this environment and nothing else of ours. */
export const PLATFORMS: Readonly<Record<string, (env: Environment) => Promise<Platform>>> = {
  'a container with PORT, HTTP/1.1': async (env) => await served(await startPlain(env), overHttp1),
  'a container with PORT, h2c': async (env) => await served(await startPlain(env), overHttp2),
  'Google Cloud Run functions': async (env) => {
    const port = await freePort();
    const args = [`--source=${bundle('google')}`, '--target=opencontrail', `--port=${port}`];
    return await served({ port, child: start(bin('functions-framework'), args, env) }, overHttp1);
  },
  'AWS Lambda behind a function URL': async (env) => {
    const port = await freePort();
    const args = ['-l', bundle('lambda/index.mjs'), '-h', 'handler', '--watch', `${port}`, '-t', '10'];
    return await served({ port, child: start(bin('lambda-local'), args, env) }, asLambdaEvent);
  },
  'an express app of one’s own': async (env) => {
    const port = await freePort();
    const program = `import express from 'express'; import { app } from ${JSON.stringify(bundle('express/index.mjs'))};
      express().use(app()).listen(${port}, '127.0.0.1');`;
    return await served(
      { port, child: start(process.execPath, ['--input-type=module', '-e', program], env) },
      overHttp1,
    );
  },
};

interface Runtime {
  readonly port: number;
  readonly child: ChildProcess;
}

async function startPlain(env: Environment): Promise<Runtime> {
  const port = await freePort();
  const child = start(process.execPath, [join(checkout, 'webhooks/hosts/main.ts')], { ...env, PORT: `${port}` });
  return { port, child };
}

function start(program: string, args: readonly string[], env: Environment): ChildProcess {
  const path = `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`;
  // The emulator of Lambda looks for credentials at home, where there are none.
  return spawn(program, args, { cwd: checkout, env: { ...env, PATH: path, HOME: tmpdir() }, stdio: 'ignore' });
}

/** Waits until anything at all is answered. */
async function served({ port, child }: Runtime, send: (port: number, call: Call) => Promise<Reply>): Promise<Platform> {
  const probe = { path: '/', headers: { 'content-type': 'application/json' }, body: '{}' };
  for (let tries = 0; ; tries += 1) {
    const reply = await send(port, probe).catch(() => undefined);
    if (reply !== undefined) break;
    if (tries > 200 || child.exitCode !== null) throw new Error('the platform does not answer');
    await sleep(100);
  }
  const stop = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
  };
  return { send: async (call) => await send(port, call), stop };
}

const passedOn = ({ headers }: Call): Record<string, string> => ({
  'content-type': headers['content-type'] ?? '',
  ...(headers.authorization === undefined ? {} : { authorization: headers.authorization }),
});

async function overHttp1(port: number, call: Call): Promise<Reply> {
  const init = { method: 'POST', headers: passedOn(call), body: call.body };
  const response = await fetch(`http://127.0.0.1:${port}${call.path}`, init);
  return { status: response.status, text: await response.text() };
}

async function overHttp2(port: number, call: Call): Promise<Reply> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<Reply>((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({ ':method': 'POST', ':path': call.path, ...passedOn(call) });
      let [status, text] = [0, ''];
      stream.on('response', (headers) => {
        status = Number(headers[':status']);
      });
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      stream.on('end', () => resolve({ status, text })).on('error', reject);
      stream.end(call.body);
    });
  } finally {
    session.close();
  }
}

/** As AWS hands a call of a function URL over, payload format 2.0. */
async function asLambdaEvent(port: number, call: Call): Promise<Reply> {
  const event = {
    version: '2.0',
    rawPath: call.path,
    headers: passedOn(call),
    requestContext: { http: { method: 'POST', path: call.path }, stage: '$default' },
    body: Buffer.from(call.body).toString('base64'),
    isBase64Encoded: true,
  };
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ event }) };
  const response = await fetch(`http://127.0.0.1:${port}/`, init);
  // The emulator answers with the result's status, and with its body as a JSON text.
  const text: unknown = await response.json();
  if (typeof text !== 'string') throw new Error(JSON.stringify(text));
  return { status: response.status, text };
}

/** What a platform has before its functions: TLS, on a port of the kernel's choice. */
export async function startFront(pair: Pair, send: () => Platform['send']): Promise<{ server: Server; port: number }> {
  const server = createTlsServer({ cert: pair.cert, key: pair.key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      // An API server adds its timeout to the path.
      const path = new URL(request.url ?? '/', 'https://front').pathname;
      send()({ path, headers: request.headers, body: Buffer.concat(chunks).toString() }).then(
        ({ status, text }) => response.writeHead(status, { 'content-type': 'application/json' }).end(text),
        (error: unknown) => response.writeHead(502).end(String(error)),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

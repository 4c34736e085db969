/** Requests through an Ingress, against a HAProxy alone that has the same configuration, in the same container. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabHandle, PodRef } from '../test/lab/handle.ts';
import { machineCommand } from '../test/lab/machine.ts';
import { podsOf } from '../test/e2e/pods.ts';
import { type Place, within, withServer } from './flows.ts';
import type { ServiceOfWorld } from './service-world.ts';
import { percentile } from './statistics.ts';

const ROUNDS = 7;
const SECONDS = 3;
const HOST = 'bench.example';
const FILES = '/run/opencontrail/proxy';
const ALONE = { folder: '/run/opencontrail/proxy/alone', http: 18_080, https: 18_443 } as const;

interface Requests {
  /** A second, medians. */
  readonly ours: number;
  readonly alone: number;
}

/** An Ingress for a Service whose one pod is `server`; asked from outside the cluster, at one proxy's node, in turn. */
export async function ingressRequests(
  lab: LabHandle,
  { service, server }: { readonly service: ServiceOfWorld; readonly server: Place },
): Promise<Requests> {
  const proxy = (await podsOf(lab, 'opencontrail')).find(
    ({ metadata, spec }) => metadata.name.startsWith('proxy-') && spec.nodeName === lab.nodes[0],
  );
  if (proxy === undefined) throw new Error(`no proxy on ${lab.nodes[0]}`);
  await lab.apply([ingressTo(service)]);
  const outside: Place = { enter: machineCommand('out', []), address: lab.address('out') };
  const urls = [80, ALONE.http].map((port) => `http://${lab.address(lab.nodes[0] ?? '')}:${port}/`);
  const folder = mkdtempSync(join(tmpdir(), 'bench-ingress-'));
  const samples = urls.map((): number[] => []);
  try {
    writeFileSync(join(folder, 'haproxy.cfg'), SERVER);
    await withServer(server, { port: 8080, command: ['haproxy', '-f', join(folder, 'haproxy.cfg')] }, async () => {
      await lab.waitFor('an answer', async () => (await asked(outside, urls[0] ?? '')) === 'ok');
      await startAlone(lab, proxy.metadata);
      for (let round = 0; round <= ROUNDS; round += 1)
        for (const [index, url] of urls.entries()) {
          const rate = await requestRate(outside, url);
          // The first one warms up.
          if (round > 0) samples[index]?.push(rate);
        }
    });
  } finally {
    await lab.execInPod(proxy.metadata, ['sh', '-c', `kill $(cat ${ALONE.folder}/pid); rm -r ${ALONE.folder}`]);
    rmSync(folder, { recursive: true });
  }
  const [ours = Number.NaN, alone = Number.NaN] = samples.map((each) => percentile(each, 0.5));
  return { ours, alone };
}

/** A copy of the configuration that now serves, but for ports and paths. */
async function startAlone(lab: LabHandle, pod: PodRef): Promise<void> {
  const { folder, http, https } = ALONE;
  const changes = [`s#${FILES}#${folder}#g`, `s#bind :::80 #bind :::${http} #`, `s#bind :::443 #bind :::${https} #`];
  const script = `set -e; mkdir ${folder}; find ${FILES} -maxdepth 1 -type f -exec cp {} ${folder} \\;
    sed -i ${changes.map((change) => `-e '${change}'`).join(' ')} ${folder}/haproxy.cfg
    haproxy -D -p ${folder}/pid -f ${folder}/haproxy.cfg`;
  const { code, stderr } = await lab.execInPod(pod, ['sh', '-c', script]);
  if (code !== 0) throw new Error(stderr);
}

async function asked(from: Place, url: string): Promise<string> {
  return await within(from, ['curl', '-s', '-m', '2', '-H', `Host: ${HOST}`, url]);
}

async function requestRate(from: Place, url: string): Promise<number> {
  const said = await within(from, ['wrk', '-t', '1', '-c', '16', '-d', `${SECONDS}s`, '-H', `Host: ${HOST}`, url]);
  if (/Non-2xx|Socket errors/.test(said)) throw new Error(said);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]);
}

function ingressTo({ key, port }: ServiceOfWorld): object {
  const [namespace, name] = key.split('/');
  const backend = { service: { name, port: { number: port } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace, name },
    spec: {
      ingressClassName: 'opencontrail',
      rules: [{ host: HOST, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  };
}

const SERVER = `defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend all
  bind :8080
  http-request return status 200 content-type text/plain string ok
`;

/** A fleet: workers as processes that come and go one by one, between a real API server, a real config API and one Redis. */
import { type ContrailClient, createContrailClient } from '../../contrail/client.ts';
import type { KubeClient } from '../../kubernetes/client.ts';
import { startApiServer, type TestApiServer } from './apiserver.ts';
import { eventually, freePort, type Program, startProgram } from './programs.ts';

interface FleetOptions {
  /** The folder of the lab's binaries. */
  readonly bin: string;
  readonly redisUrl: string;
  /** Asked for by the config API, which then waits for a rebuild where its database is new. */
  readonly token?: string;
}

type Flags = Readonly<Record<string, string>>;

export interface FleetWorker extends Program {
  /** Where it serves its probes, metrics and pages. */
  readonly url: string;
}

export interface Fleet {
  readonly api: TestApiServer;
  readonly kube: KubeClient;
  readonly contrail: ContrailClient;
  readonly configUrl: string;
  /** Starts one more; `flags` are its own. Does not wait for it. */
  readonly startWorker: (flags?: Flags) => Promise<FleetWorker>;
  readonly stop: () => Promise<void>;
}

/** Starts everything but workers. */
export async function startFleet({ bin, redisUrl, token }: FleetOptions): Promise<Fleet> {
  const api = await startApiServer(bin);
  const configUrl = `http://127.0.0.1:${await freePort()}`;
  const contrail = createContrailClient({
    endpoints: async () => [configUrl],
    ...(token === undefined ? {} : { token }),
  });
  const listen = configUrl.replace('http://', '');
  const login: Flags = token === undefined ? {} : { token };
  const programs: Program[] = [startProgram('contrail/server/main.ts', { listen, redis: redisUrl, ...login })];
  return {
    api,
    kube: api.kube,
    contrail,
    configUrl,
    startWorker: async (flags = {}) => {
      const address = `127.0.0.1:${await freePort()}`;
      const worker = startProgram('workers/main.ts', {
        kubeconfig: api.kubeconfig,
        'contrail-api': configUrl,
        ...(token === undefined ? {} : { 'contrail-token': token }),
        redis: redisUrl,
        listen: address,
        ...flags,
      });
      programs.push(worker);
      return { ...worker, url: `http://${address}` };
    },
    stop: async () => {
      await Promise.all(programs.map((program) => program.kill()));
      contrail.close();
      await api.stop();
    },
  };
}

/** Waits until a worker says that it is ready. */
export async function untilReady({ url }: FleetWorker): Promise<void> {
  await eventually(async () => (await fetch(`${url}/readyz`)).ok);
}

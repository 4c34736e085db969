/** A host and pods as network namespaces, and a vRouter that remembers its ports: what the agent's tests stand on. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { AgentDeps } from '../../cni/agent/deps.ts';
import { openJournal } from '../../cni/agent/journal.ts';
import { createLocks } from '../../cni/agent/locks.ts';
import { createNetlink } from '../../cni/agent/ip.ts';
import type { AssignedPod, PodSource } from '../../cni/agent/pods.ts';
import { createVRouter } from '../../cni/agent/vrouter.ts';
import type { CniCommand, CniRequest } from '../../cni/protocol.ts';
import { type CniFailure } from '../../cni/agent/failure.ts';

let counter = 0;

export function sh(command: string): string {
  return execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A network namespace of this test's own; its path and how to remove it. */
export function makeNamespace(purpose: string): {
  readonly name: string;
  readonly path: string;
  readonly remove: () => void;
} {
  counter += 1;
  const name = `ct-${process.pid}-${purpose}${counter}`;
  sh(`ip netns add ${name}`);
  return { name, path: `/var/run/netns/${name}`, remove: () => sh(`ip netns del ${name} 2>/dev/null || true`) };
}

export interface FakeVRouter {
  readonly url: string;
  /** Bodies of `POST /vm` by `<vm>/<vmi>`. */
  readonly ports: Map<string, Record<string, string>>;
  /** Whether ports become programmed. */
  programs: boolean;
  readonly close: () => Promise<void>;
}

/** The port API's three calls (facts 6.6), with every port programmed at once unless told otherwise. */
export async function startVRouter(port = 0): Promise<FakeVRouter> {
  const ports = new Map<string, Record<string, string>>();
  const state = { programs: true };
  const answer = (method: string, path: string, body: string): number => {
    const [vm, vmi] = path.replace(/\?.*/, '').split('/').slice(2);
    if (method === 'POST') {
      const posted = JSON.parse(body) as Record<string, string>;
      ports.set(`${posted['vm-uuid']}/${posted['vmi-uuid']}`, posted);
    }
    if (method === 'DELETE') {
      for (const key of ports.keys()) if (key.startsWith(`${vm}/`)) ports.delete(key);
    }
    return method !== 'GET' || (state.programs && ports.has(`${vm}/${vmi}`)) ? 200 : 404;
  };
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      const status = answer(request.method ?? '', request.url ?? '', body);
      response.writeHead(status).end(status === 200 ? '{}' : '{"error":"{ Not Found }"}');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    ports,
    get programs() {
      return state.programs;
    },
    set programs(value) {
      state.programs = value;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export interface Bed {
  readonly deps: AgentDeps;
  readonly host: { readonly name: string; readonly path: string };
  readonly vrouter: FakeVRouter;
  readonly folder: string;
  /** Pods by `namespace/name`; an error stands for a pod whose wait ends in vain. */
  readonly pods: Map<string, AssignedPod | CniFailure>;
  readonly gone: Set<string>;
  /** Pods that a command waits for. */
  readonly awaited: Set<string>;
  readonly newSandbox: () => { readonly name: string; readonly path: string };
  /** Devices on the host, without the loopback. */
  readonly devices: () => readonly string[];
  readonly close: () => Promise<void>;
}

/** A host namespace, an empty journal and a vRouter. Pods are what the test says they are. */
export async function makeBed(overrides: Partial<AgentDeps> = {}): Promise<Bed> {
  const host = makeNamespace('host');
  const sandboxes = [host];
  const vrouter = await startVRouter();
  const folder = mkdtempSync(join(tmpdir(), 'ct-'));
  const pods = new Map<string, AssignedPod | CniFailure>();
  const gone = new Set<string>();
  const awaited = new Set<string>();
  const devices = (): readonly string[] =>
    sh(`ip netns exec ${host.name} ip -o link`)
      .split('\n')
      .flatMap((line) => {
        const name = /^\d+: ([^:@]+)/.exec(line)?.[1];
        return name === 'lo' || name === undefined ? [] : [name];
      });
  const source: PodSource = {
    waitForPorts: async ({ namespace, name }, { signal }) => {
      const found = pods.get(`${namespace}/${name}`);
      if (found instanceof Error) throw found;
      if (found !== undefined) return found;
      awaited.add(`${namespace}/${name}`);
      return await new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    },
    isGone: async ({ uid }) => await Promise.resolve(gone.has(uid)),
    unready: () => undefined,
  };
  const deps: AgentDeps = {
    pods: source,
    vrouter: createVRouter(vrouter.url),
    netlink: createNetlink(host.path),
    journal: await openJournal(join(folder, 'attachments')),
    locks: createLocks(),
    log: pino({ level: 'silent' }),
    vmName: (namespace, pod) => `k8s__${namespace}__${pod}`,
    hasDevice: (name) => devices().includes(name),
    oneByOne: false,
    podMtu: () => 1450,
    portTimeoutMs: 2000,
    vrouterTimeoutMs: 10_000,
    ...overrides,
  };
  return {
    deps,
    host,
    vrouter,
    folder,
    pods,
    gone,
    awaited,
    newSandbox: () => {
      const sandbox = makeNamespace('pod');
      sandboxes.push(sandbox);
      return sandbox;
    },
    devices,
    close: async () => {
      await deps.locks.idle();
      deps.netlink.close();
      for (const namespace of sandboxes) namespace.remove();
      rmSync(folder, { recursive: true, force: true });
      await vrouter.close();
    },
  };
}

/** A pod with one port, of the numbered VMI. */
export function assigned(number: number, extra: Partial<AssignedPod['ports'][number]> = {}): AssignedPod {
  const hex = String(number).padStart(2, '0');
  return {
    uid: `00000000-0000-4000-8000-0000000000${hex}`,
    ports: [
      {
        name: 'eth0',
        vmi: `${hex}aaaaaa-0000-5000-8000-000000000000`,
        networkId: '11111111-0000-5000-8000-000000000000',
        mac: `02:00:00:00:00:${hex}`,
        ips: [`10.47.255.${number}/12`],
        network: 'default-domain:k8s-default:k8s-default-pod-network',
        dns: ['10.96.0.10'],
        mtu: 0,
        ...extra,
      },
    ],
  };
}

/** A request as the plugin sends it. */
export function requestFor(
  command: CniCommand,
  about: {
    readonly containerId?: string;
    readonly netns?: string;
    readonly pod?: string;
    readonly config?: Record<string, unknown>;
    readonly cniVersion?: string;
  },
): CniRequest {
  return {
    protocol: 1,
    command,
    cniVersion: about.cniVersion ?? '1.0.0',
    ...(about.containerId === undefined ? {} : { containerId: about.containerId, ifname: 'eth0' }),
    ...(about.netns === undefined ? {} : { netns: about.netns }),
    args: about.pod === undefined ? {} : { K8S_POD_NAMESPACE: 'dev', K8S_POD_NAME: about.pod },
    config: about.config ?? {},
  };
}

/** One bounded exchange with the API server by the pod's service account, for programs that need little of Kubernetes. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

/** Where the API server is, and the service account that asks it. */
export interface ApiServerAccess {
  /** `https://host:port`: an address that works without DNS and without ClusterIPs. */
  readonly apiServer: string;
  /** Files of the mounted service account; both are read anew for every question, since the kubelet renews them. */
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly timeoutMs?: number;
}

export interface ApiServerRequest {
  readonly method?: 'GET' | 'PATCH';
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

export interface ApiServerAnswer {
  readonly status: number;
  readonly body: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Sends one request; every status is an answer, only a broken connection or the timeout (5 s) throws. */
export async function askApiServer(wanted: ApiServerRequest, access: ApiServerAccess): Promise<ApiServerAnswer> {
  const token = await readFile(access.tokenFile ?? `${SERVICE_ACCOUNT}/token`, 'utf8');
  const ca = await readFile(access.caFile ?? `${SERVICE_ACCOUNT}/ca.crt`, 'utf8');
  const options = {
    method: wanted.method ?? 'GET',
    ca,
    headers: {
      authorization: `Bearer ${token.trim()}`,
      accept: 'application/json',
      ...(wanted.contentType === undefined ? {} : { 'content-type': wanted.contentType }),
    },
    signal: AbortSignal.timeout(access.timeoutMs ?? 5000),
  };
  return await new Promise((resolve, reject) => {
    const call = request(new URL(wanted.path, access.apiServer), options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    call.on('error', reject);
    call.end(wanted.body);
  });
}

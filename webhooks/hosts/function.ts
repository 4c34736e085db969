/** The mutating webhook without caches and certificates: what every host of functions is built on. Reads, and writes nothing. */
import { createNames } from '../../contrail/names.ts';
import { clientWith, createKubeClient, type KubeClient } from '../../kubernetes/client.ts';
import { tokenCredentials } from '../../kubernetes/credentials.ts';
import { createLogger } from '../../runtime/log.ts';
import { type Answer, type AnswerDeps, answerCall, refusal, webhookOf } from '../answer.ts';
import type { AppDeps } from '../app.ts';
import type { Body } from '../body.ts';
import { anybody, type Caller, withToken } from '../caller.ts';
import { createView } from '../view.ts';
import { boundedReads } from './reads.ts';
import { FUNCTION_PROGRAM, type FunctionSettings, functionSettings } from './settings.ts';

/** A call as a platform hands it over. */
interface FunctionCall {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: () => Promise<Body> | Body;
}

export interface WebhookFunction {
  readonly answer: (call: FunctionCall) => Promise<Answer>;
  /** What an express app of the same is made of, for hosts that take one. */
  readonly appDeps: AppDeps;
}

/** Only the webhook that fails open: what must not fail stays in the cluster. */
const WEBHOOK = 'mutate';

export function createFunction(settings: FunctionSettings): WebhookFunction {
  const log = createLogger(FUNCTION_PROGRAM.name, settings.logLevel);
  const caller = settings.callerToken === '' ? anybody : withToken(settings.callerToken);
  const deps: AnswerDeps = { view: viewOf(settings), metrics: UNCOUNTED, log };
  return {
    answer: async (call) => await answerFunction(call, caller, deps),
    appDeps: { ...deps, caller, webhooks: [WEBHOOK], checks: [], registry: NO_METRICS },
  };
}

/** The same by an environment, made at the first use: importing a host's file starts nothing. */
export function lazyFunction(env: Readonly<Record<string, string | undefined>>): () => WebhookFunction {
  let made: WebhookFunction | undefined;
  return () => {
    made ??= createFunction(functionSettings(env));
    return made;
  };
}

async function answerFunction(
  { method, path, headers, body }: FunctionCall,
  caller: Caller,
  deps: AnswerDeps,
): Promise<Answer> {
  if (method !== 'POST' || webhookOf(path) !== WEBHOOK) return refusal(404, `POST /${WEBHOOK}`);
  const problem = caller({ headers });
  return problem === undefined ? await answerCall(WEBHOOK, await body(), deps) : refusal(401, problem);
}

function viewOf(settings: FunctionSettings): AnswerDeps['view'] {
  const { clusterName, domain, defaultMode, metaPlugin, podCidrs, probeAddresses: probesByAddress } = settings;
  const names = createNames({ cluster: clusterName, domain });
  return createView({
    // No cache that follows the cluster: everything is read, and who holds which address is said by a worker later.
    namespaces: NO_CACHE,
    definitions: NO_CACHE,
    virtualNetworks: NO_CACHE,
    addresses: { holderOf: () => undefined, usersOf: () => [] },
    client: boundedReads(clientOf(settings)),
    context: { clusterName, defaultMode, names, foreignElsewhere: metaPlugin === 'multus' },
    podCidrs,
    probesByAddress,
  });
}

const NO_CACHE = { get: () => undefined, list: () => [], stalenessMs: () => Number.POSITIVE_INFINITY };
/** A platform counts the calls of its functions itself. */
const UNCOUNTED = { began: () => undefined, answered: () => undefined };
const NO_METRICS = { contentType: 'text/plain; version=0.0.4; charset=utf-8', metrics: async () => '' } as const;

function clientOf({ kubernetesApi, kubernetesToken, kubernetesCa }: FunctionSettings): KubeClient {
  if (kubernetesToken === '') return createKubeClient({ apiServer: kubernetesApi });
  return clientWith(tokenCredentials(kubernetesApi, kubernetesToken, kubernetesCa === '' ? undefined : kubernetesCa));
}

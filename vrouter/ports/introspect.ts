/** The introspection pages: what the vRouter holds, what stands in the kernel, and what becomes of a flow. Nothing is changed. */
import { prettifyError } from 'zod';
import { reachable } from '../announce/reachable.ts';
import { compile } from '../compile/compile.ts';
import { indexConfig } from '../compile/following-index.ts';
import type { Engine } from '../engine.ts';
import { dropsOf } from '../explain/drops.ts';
import { supposing } from '../explain/hypothesis.ts';
import { askedSchema } from '../explain/questions.ts';
import { verdictsOn } from '../explain/verdicts.ts';
import type { CheckResult } from '../health/checker.ts';
import type { HitCount } from '../hit-counter.ts';
import type { NotedDrop } from '../linux/drops.ts';
import { type Answer, json, notFound } from './answer.ts';
import { holdings, type KernelRoute } from './answers.ts';
import type { Ports } from './ports.ts';

export interface IntrospectionDeps {
  readonly ports: Ports;
  readonly engine: Engine;
  /** What the kernel sends to pods of this node. */
  readonly readKernel: () => Promise<readonly KernelRoute[]>;
  /** The connections that the kernel has noted as refused. */
  readonly readDrops: () => Promise<readonly NotedDrop[]>;
  /** What is known of back ends that are asked whether they are well. */
  readonly readHealth: () => readonly CheckResult[];
  /** What each rule has decided. */
  readonly readHits: () => Promise<HitCount>;
}

/** `ports`, `state`, `revision`, `reachable`, `health`, `drops`, `hits` and `kernel`. */
export async function introspect(what: string, deps: IntrospectionDeps): Promise<Answer> {
  const { engine, ports, readKernel, readDrops, readHealth, readHits } = deps;
  if (what === 'drops') return readDropsOf(engine, readDrops);
  if (what === 'hits') return json(await readHits());
  if (what === 'health') return json(readHealth());
  if (what === 'ports') return json(holdings(await readKernel(), ports.list()));
  if (what === 'revision') return revisionOf(engine);
  if (what === 'state') return json(engine.state() ?? {});
  if (what === 'reachable') return reachableOf(engine);
  if (what === 'kernel') return { status: 200, body: engine.kernelText(), contentType: 'text/plain; charset=utf-8' };
  return notFound();
}

/** The revision of the configuration that stands in the kernel. */
function revisionOf(engine: Engine): Answer {
  const position = engine.realised();
  return position === undefined ? notFound() : json(position);
}

/** Nothing, as long as nothing is known: that is not the same as nobody to reach. */
function reachableOf(engine: Engine): Answer {
  const state = engine.state();
  return state === undefined ? notFound() : json(reachable(state));
}

async function readDropsOf(engine: Engine, readDrops: IntrospectionDeps['readDrops']): Promise<Answer> {
  const state = engine.state();
  return state === undefined ? notFound() : json(dropsOf(await readDrops(), state));
}

/** `verdicts`: what becomes of flows, by the state that the kernel is given, or by what it would be given under a hypothesis. */
export function explain(what: string, body: string, engine: Engine): Answer {
  const [state, config] = [engine.state(), engine.config()];
  if (what !== 'verdicts' || state === undefined || config === undefined) return notFound();
  const parsed = askedSchema.safeParse(JSON.parse(body));
  if (!parsed.success) return { status: 400, body: JSON.stringify({ error: prettifyError(parsed.error) }) };
  const { questions, supposing: hypothesis } = parsed.data;
  if (hypothesis === undefined) return json(verdictsOn(questions, { state, config: indexConfig(config.objects) }));
  const objects = supposing(config.objects, hypothesis);
  const supposed = { ...state, ...compile({ objects }, state.node) };
  return json(verdictsOn(questions, { state: supposed, config: indexConfig(objects) }));
}

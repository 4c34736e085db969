/** Ingresses as paths, back ends and certificates; what cannot be served is told, and disturbs nothing else. Pure. */
import type { IngressBackend, IngressPath, SlimIngress } from '../../kubernetes/ingress.ts';
import { type Resolved, resolveBackend, type ServiceView } from '../backends.ts';
import { type Secrets, certificatesOf } from './certificates.ts';
import type { Problem, ProxyModel } from '../model.ts';

/** What Ingresses are compiled with. */
export interface IngressView extends ServiceView {
  readonly secrets: Secrets;
}

export interface Compiled {
  readonly model: Omit<ProxyModel, 'entrances'>;
  /** By the Ingress's UID. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
}

/** Compiles Ingresses, the oldest first: of two that ask for the same path of the same host, it serves the first. */
export function compileIngresses(ingresses: readonly SlimIngress[], view: IngressView): Compiled {
  const tables = { exact: new Map<string, string>(), prefixes: new Map<string, string>() };
  const owners = new Map<string, SlimIngress>();
  const backends = new Map<string, Resolved>();
  const problems = new Map<string, Problem[]>();
  const tell = ({ uid }: SlimIngress, problem: Problem): void =>
    void problems.set(uid, [...(problems.get(uid) ?? []), problem]);
  for (const { ingress, path } of claims(ingresses)) {
    const { table, key } = placeOf(path);
    const owner = owners.get(`${table} ${key}`);
    if (owner !== undefined) {
      tell(ingress, conflict(path, owner));
      continue;
    }
    if (path.backend.kind === 'resource' || /\s/.test(path.path)) {
      tell(ingress, path.backend.kind === 'resource' ? unsupported(path.backend) : unmatched(path));
      continue;
    }
    owners.set(`${table} ${key}`, ingress);
    const reference = { namespace: ingress.namespace, service: path.backend.service, port: path.backend.port };
    const name = `${reference.namespace}:${reference.service}:${reference.port}`;
    const resolved = backends.get(name) ?? resolveBackend(reference, view);
    backends.set(name, resolved);
    tables[table].set(key, name);
    if (resolved.kind === 'problem') tell(ingress, resolved.problem);
  }
  const certificates = certificatesOf(ingresses, { secrets: view.secrets, tell });
  return { model: { paths: tables, certificates, backends: named(backends) }, problems: distinct(problems) };
}

interface Claim {
  readonly ingress: SlimIngress;
  readonly path: IngressPath;
}

/** What each asks for; default back ends come last, since any rule for everything comes before them. */
function claims(ingresses: readonly SlimIngress[]): readonly Claim[] {
  const rules = ingresses.flatMap((ingress) => ingress.paths.map((path) => ({ ingress, path })));
  const defaults = ingresses.flatMap((ingress) => {
    if (ingress.defaultBackend === undefined) return [];
    // Beside a rule of one's own for everything, the default back end has nothing left to do.
    if (ingress.paths.some(({ host, path, exact }) => host === '' && path === '/' && !exact)) return [];
    return [{ ingress, path: { host: '', path: '/', exact: false, backend: ingress.defaultBackend } }];
  });
  return [...rules, ...defaults];
}

/** Where a path stands: a prefix without its trailing slashes is the same prefix (Ingress documentation, "Examples"). */
function placeOf({ host, path, exact }: IngressPath): { readonly table: 'exact' | 'prefixes'; readonly key: string } {
  if (exact) return { table: 'exact', key: `${host}${path}` };
  return { table: 'prefixes', key: `${host}${path.replace(/\/+$/, '')}/` };
}

function conflict({ host, path, exact }: IngressPath, owner: SlimIngress): Problem {
  const what = `${exact ? 'Exact' : 'Prefix'} path "${path}" of ${host === '' ? 'every host' : `host "${host}"`}`;
  const message = `${what} is served by the older Ingress "${owner.namespace}/${owner.name}": choose another path or host`;
  return { reason: 'PathConflict', message };
}

function unsupported({ resource }: Extract<IngressBackend, { kind: 'resource' }>): Problem {
  const message = `back end "${resource}" is no Service, and nothing else is served here: name a Service`;
  return { reason: 'UnsupportedBackend', message };
}

/** No request can have it, and HAProxy's files are made of lines and words. */
function unmatched({ path }: IngressPath): Problem {
  const message = `path ${JSON.stringify(path)} holds white space, which no request does: write it percent-encoded`;
  return { reason: 'UnsupportedPath', message };
}

function named(backends: ReadonlyMap<string, Resolved>): ProxyModel['backends'] {
  return [...backends].map(([name, resolved]) => ({
    name,
    ...(resolved.kind === 'pool' ? resolved.pool : { servers: [] }),
  }));
}

/** Several paths may lead to one missing Service, of which is told once. */
function distinct(problems: ReadonlyMap<string, readonly Problem[]>): ReadonlyMap<string, readonly Problem[]> {
  return new Map(
    [...problems].map(([uid, list]) => [uid, [...new Map(list.map((each) => [each.message, each])).values()]]),
  );
}

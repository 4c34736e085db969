/** The furniture that every translation shares: who owns an object, and how references are written. Pure. */
import type { Names } from '../names.ts';
import type { ContrailObject, FqName, Reference } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';

/** What a translation needs besides its subject. */
export interface Naming {
  readonly cluster: string;
  readonly names: Names;
}

/** The owner of what is made for one Kubernetes object. */
export function ownerFor(
  subject: { readonly kind: string; readonly namespace?: string; readonly name: string },
  { cluster, names }: Naming,
): Owner {
  const { kind, namespace = '', name } = subject;
  return { cluster, project: names.project(namespace || 'default').at(-1) ?? '', kind, namespace, name };
}

/** A reference without an attribute, by name: the server looks the UUID up. */
export function to(fqName: FqName): Reference {
  return { to: fqName };
}

/** A child of a project, marked as its owner's. `fields` are its own properties and references. */
export function inProject(
  identity: { readonly type: string; readonly uuid: string; readonly fqName: FqName },
  owner: Owner,
  fields: Readonly<Record<string, unknown>>,
): ContrailObject {
  const { type, uuid, fqName } = identity;
  return { type, uuid, fq_name: fqName, parent_type: 'project', ...annotationsFor(owner), ...fields };
}

/** Our own resources: their version, and where the API server has them. Pure. */
import type { KubeObject } from './client.ts';

/** Group and version of all of them. */
export const API_VERSION = 'opencontrail.org/v1alpha1';

/** The path of all objects of a resource, by its plural. */
export function collectionPath(plural: string): string {
  return `/apis/${API_VERSION}/${plural}`;
}

/** The path of an object in a namespace. */
export function objectPath(plural: string, namespace: string, name: string): string {
  return `/apis/${API_VERSION}/namespaces/${namespace}/${plural}/${name}`;
}

/** An object as the API server has it; `spec` is for the resource's own schema. */
export type RawResource = KubeObject & { readonly spec?: unknown; readonly status?: unknown };

/** What is read of an object in a namespace besides its spec. */
export interface SlimResource {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** RFC 3339. */
  readonly created: string;
  /** The status as it stands, which only our workers write. */
  readonly status: unknown;
}

export function slimResource(raw: KubeObject): SlimResource {
  const { metadata, status } = raw as RawResource;
  const { name, uid, namespace = '', generation = 0, creationTimestamp: created = '' } = metadata;
  return { namespace, name, uid, generation, created, status };
}

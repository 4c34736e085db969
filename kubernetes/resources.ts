/** Our own resources: their version, and where the API server has them. Pure. */

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

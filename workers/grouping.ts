/** Objects of a cache by something else than their key, kept up to date by the cache's own changes. */

/** Groups of objects; an object for which `groupOf` answers nothing is in none. */
export class Grouping<T extends { readonly namespace: string; readonly name: string }> {
  private readonly groups = new Map<string, Map<string, T>>();
  private readonly groupOf: (object: T) => string | undefined;

  constructor(groupOf: (object: T) => string | undefined) {
    this.groupOf = groupOf;
  }

  get(group: string): readonly T[] {
    return [...(this.groups.get(group)?.values() ?? [])];
  }

  take(change: { readonly kind: 'put' | 'delete'; readonly object: T; readonly previous?: T }): void {
    if (change.previous !== undefined) this.drop(change.previous);
    if (change.kind === 'delete') return this.drop(change.object);
    const group = this.groupOf(change.object);
    if (group === undefined) return;
    const members = this.groups.get(group) ?? new Map<string, T>();
    members.set(`${change.object.namespace}/${change.object.name}`, change.object);
    this.groups.set(group, members);
  }

  private drop(object: T): void {
    const group = this.groupOf(object);
    if (group === undefined) return;
    const members = this.groups.get(group);
    members?.delete(`${object.namespace}/${object.name}`);
    if (members?.size === 0) this.groups.delete(group);
  }
}

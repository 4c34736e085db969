/** Objects of a cache by something else than their key, kept up to date by the cache's own changes. */

/** Groups of objects; an object may be in several, or in none. */
export class Grouping<T extends { readonly namespace: string; readonly name: string }> {
  private readonly groups = new Map<string, Map<string, T>>();
  private readonly groupsOf: (object: T) => readonly string[];

  constructor(groupsOf: (object: T) => readonly string[]) {
    this.groupsOf = groupsOf;
  }

  get(group: string): readonly T[] {
    return [...(this.groups.get(group)?.values() ?? [])];
  }

  take(change: { readonly kind: 'put' | 'delete'; readonly object: T; readonly previous?: T }): void {
    if (change.previous !== undefined) this.drop(change.previous);
    if (change.kind === 'delete') return this.drop(change.object);
    for (const group of this.groupsOf(change.object)) {
      const members = this.groups.get(group) ?? new Map<string, T>();
      members.set(`${change.object.namespace}/${change.object.name}`, change.object);
      this.groups.set(group, members);
    }
  }

  private drop(object: T): void {
    for (const group of this.groupsOf(object)) {
      const members = this.groups.get(group);
      members?.delete(`${object.namespace}/${object.name}`);
      if (members?.size === 0) this.groups.delete(group);
    }
  }
}

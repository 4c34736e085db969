/**
 * What nodes tell each other of their back ends' health: each says which of its own are not well, whole every time, so that a
 * lost datagram costs nothing but the time until the next. Pure.
 */

const KIND = 'opencontrail-unwell-1';
/** UUIDs that fit into a datagram of 1280 bytes, the least that every underlay carries. */
const PER_DATAGRAM = 32;

/** Datagrams that say who is not well; `version` tells one report from others of the same node. */
export function reportOf(subjects: readonly string[], version: number): readonly string[] {
  const count = Math.max(1, Math.ceil(subjects.length / PER_DATAGRAM));
  return Array.from({ length: count }, (_, part) => {
    const some = subjects.slice(part * PER_DATAGRAM, (part + 1) * PER_DATAGRAM);
    return [KIND, version, part, count, some.join(',')].join(' ');
  });
}

/** What is heard from other nodes. */
export interface Reports {
  /** Takes a datagram in; whether it was one of these, and its report is whole by it and new. */
  readonly hear: (node: string, text: string) => boolean;
  /** Forgets what others than these have said; whether there was something. */
  readonly keep: (nodes: readonly string[]) => boolean;
  /** Who is not well, by what each node has said last. */
  readonly unwell: () => readonly string[];
}

interface Heard {
  readonly version: number;
  readonly parts: Map<number, readonly string[]>;
  readonly count: number;
}

/** Reports of nobody yet. */
export function createReports(): Reports {
  const pending = new Map<string, Heard>();
  const whole = new Map<string, Heard>();
  return {
    hear(node, text) {
      const datagram = parsed(text);
      if (datagram === undefined || datagram.version === whole.get(node)?.version) return false;
      const { version, part, count, subjects } = datagram;
      const known = pending.get(node);
      const heard =
        known?.version === version ? known : { version, count, parts: new Map<number, readonly string[]>() };
      pending.set(node, heard);
      heard.parts.set(part, subjects);
      if (heard.parts.size < heard.count) return false;
      whole.set(node, heard);
      pending.delete(node);
      return true;
    },
    keep(nodes) {
      const others = [...whole.keys()].filter((node) => !nodes.includes(node));
      for (const node of others) whole.delete(node);
      return others.length > 0;
    },
    unwell: () => [...whole.values()].flatMap(({ parts }) => [...parts.values()].flat()),
  };
}

interface Datagram {
  readonly version: number;
  readonly part: number;
  readonly count: number;
  readonly subjects: readonly string[];
}

function parsed(text: string): Datagram | undefined {
  const [kind, version, part, count, subjects = ''] = text.split(' ');
  if (kind !== KIND) return undefined;
  const all = subjects === '' ? [] : subjects.split(',');
  return { version: Number(version), part: Number(part), count: Number(count), subjects: all };
}

/** The measured matrix as text. Pure. */
import type { Probe } from './probe.ts';
import { namespaces } from './world.ts';

/** A probe that did not end as expected. */
export function differs(probe: Probe): boolean {
  return probe.reached !== probe.expected || probe.wrong !== undefined;
}

/**
 * Rows: from which namespace, on one node or across; columns: to which namespace, its pods or its services. A cell says
 * `measured/expected`, and `!` where the two differ in any of its connections.
 */
export function tableOf(probes: readonly Probe[]): string {
  const names = namespaces.map(({ name }) => name);
  const head = ['from', '', ...names.flatMap((name) => [`${name} pod`, 'service'])];
  const rows = names.flatMap((from) =>
    [true, false].map((sameNode) => [
      sameNode ? from : '',
      sameNode ? 'same node' : 'across nodes',
      ...names.flatMap((to) =>
        (['pod', 'service'] as const).map((target) => cell(probes.filter(isIn({ from, to, target, sameNode })))),
      ),
    ]),
  );
  return aligned([head, ...rows]);
}

interface Place {
  readonly from: string;
  readonly to: string;
  readonly target: 'pod' | 'service';
  readonly sameNode: boolean;
}

function isIn(place: Place): (probe: Probe) => boolean {
  return ({ from, to, target }) =>
    from.namespace === place.from &&
    to.namespace === place.to &&
    target === place.target &&
    (from.node === to.node) === place.sameNode;
}

function cell(probes: readonly Probe[]): string {
  const [first] = probes;
  if (first === undefined) return '?';
  const reached = probes.filter((probe) => probe.reached).length;
  const measured = reached === 0 ? 'no' : reached === probes.length ? 'yes' : `${reached} of ${probes.length}`;
  return `${measured}/${first.expected ? 'yes' : 'no'}${probes.some(differs) ? ' !' : ''}`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Which back ends a node uses: policies, hints, and those on their way out. */
import { describe, expect, test } from '@jest/globals';
import type { Placement } from '../../contrail/traffic.ts';
import { type Candidate, everywhere, onlyHere } from '../../vrouter/compile/spread.ts';

const HERE = { node: 'n1', zone: 'a' };

function at(address: string, placement: Placement, draining = false): Candidate {
  return { backend: { address, port: 80, network: 5 }, placement, draining };
}

const addresses = (backends: readonly { readonly address: string }[]) => backends.map(({ address }) => address);

describe('everywhere', () => {
  test.each<[string, readonly Candidate[], readonly string[]]>([
    ['all that are ready', [at('2', { node: 'n2' }), at('1', { node: 'n1' }), at('3', {}, true)], ['1', '2']],
    ['those on their way out, where nobody is ready', [at('3', { node: 'n2' }, true)], ['3']],
    ['those meant for its zone', [at('1', { zones: ['a'] }), at('2', { zones: ['b'] })], ['1']],
    ['all, where one says nothing of zones', [at('1', { zones: ['a'] }), at('2', {})], ['1', '2']],
    ['all, where none is meant for its zone', [at('1', { zones: ['c'] }), at('2', { zones: ['b'] })], ['1', '2']],
    [
      'those meant for the node before those for its zone',
      [at('1', { zones: ['a'], nodes: ['n2'] }), at('2', { zones: ['b'], nodes: ['n1'] })],
      ['2'],
    ],
    [
      'hints of those on their way out do not count',
      [at('1', { zones: ['a'] }), at('2', { zones: ['b'] }), at('3', {}, true)],
      ['1'],
    ],
    ['each once', [at('1', { node: 'n1' }), at('1', { node: 'n1' })], ['1']],
  ])('uses %s', (_title, candidates, want) => {
    expect(addresses(everywhere(candidates, HERE))).toEqual(want);
  });

  test('those of dead nodes are left out, unless there are no others', () => {
    const dead = new Set(['n2']);
    const candidates = [at('1', { node: 'n1' }), at('2', { node: 'n2' })];
    expect(addresses(everywhere(candidates, { ...HERE, dead }))).toEqual(['1']);
    expect(addresses(everywhere(candidates.slice(1), { ...HERE, dead }))).toEqual(['2']);
    expect(addresses(everywhere([at('3', { node: 'n3' }, true), ...candidates.slice(1)], { ...HERE, dead }))).toEqual([
      '3',
    ]);
  });

  test('a node of no zone uses all', () => {
    const candidates = [at('1', { zones: ['a'] }), at('2', { zones: ['b'] })];
    expect(addresses(everywhere(candidates, { node: 'n1' }))).toEqual(['1', '2']);
  });
});

describe('onlyHere', () => {
  test.each<[string, readonly Candidate[], readonly string[]]>([
    ['its own', [at('1', { node: 'n1' }), at('2', { node: 'n2' })], ['1']],
    [
      'its own on their way out, where none of its own is ready',
      [at('1', { node: 'n1' }, true), at('2', { node: 'n2' })],
      ['1'],
    ],
    ['none, where all are elsewhere', [at('2', { node: 'n2' }), at('3', {})], []],
  ])('uses %s', (_title, candidates, want) => {
    expect(addresses(onlyHere(candidates, HERE))).toEqual(want);
  });
});

/** The demonstration's expectations and its table. */
import { describe, expect, test } from '@jest/globals';
import type { Probe } from '../../demo/probe.ts';
import { differs, tableOf } from '../../demo/table.ts';
import { demoPods, isExpected } from '../../demo/world.ts';

const pods = demoPods(['n1', 'n2']);
const at = (namespace: string, name: string) => pods.find((pod) => pod.namespace === namespace && pod.name === name)!;

function perfect(): Probe[] {
  return pods.flatMap((from) =>
    pods
      .filter((to) => to !== from)
      .flatMap((to) =>
        (['pod', 'service'] as const).map((target) => {
          const expected = isExpected(from, to, target);
          return { from, to, target, expected, reached: expected };
        }),
      ),
  );
}

describe('what is expected', () => {
  test.each([
    ['demo-east', 'demo-west', true, true],
    ['demo-east', 'demo-blue', false, false],
    ['demo-blue', 'demo-east', false, true],
    ['demo-blue', 'demo-red', false, false],
    ['demo-blue', 'demo-blue', true, true],
  ])('from %s to %s: pods %s, services %s', (from, to, pod, service) => {
    expect(isExpected(at(from, 'a'), at(to, 'c'), 'pod')).toBe(pod);
    expect(isExpected(at(from, 'a'), at(to, 'c'), 'service')).toBe(service);
  });

  test('every relation between namespaces occurs on one node and across nodes, for pods and services', () => {
    expect(tableOf(perfect())).not.toContain('?');
  });
});

describe('the table', () => {
  test('marks no cell when all is as expected', () => {
    expect(tableOf(perfect())).not.toContain('!');
    expect(perfect().some(differs)).toBe(false);
  });

  test('marks a cell when one of its connections leaks', () => {
    const probes = perfect().map((probe) =>
      probe.from === at('demo-blue', 'a') && probe.to === at('demo-red', 'c') && probe.target === 'pod'
        ? { ...probe, reached: true }
        : probe,
    );
    expect(tableOf(probes).match(/!/g)).toHaveLength(1);
    expect(tableOf(probes)).toContain('1 of 4/no !');
  });

  test('marks a cell when somebody else answers', () => {
    const [first, ...others] = perfect();
    expect(differs({ ...first!, wrong: 'demo-red/a' })).toBe(true);
    expect(tableOf([{ ...first!, wrong: 'demo-red/a' }, ...others])).toContain('!');
  });
});

/** What nodes tell each other of their back ends' health, by datagrams that may be lost, doubled or late. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createReports, reportOf } from '../../../vrouter/announce/health-reports.ts';

const subjects = fc.uniqueArray(fc.uuid(), { maxLength: 200 });

test('a report is heard whole, in whatever order its datagrams come', () => {
  fc.assert(
    fc.property(subjects, fc.infiniteStream(fc.nat()), (all, order) => {
      const reports = createReports();
      const datagrams = [...reportOf(all, 7)].sort(() => (order.next().value % 3) - 1);
      const news = datagrams.map((each) => reports.hear('192.0.2.1', each));
      expect(news.filter(Boolean)).toHaveLength(1);
      expect([...reports.unwell()].sort()).toEqual([...all].sort());
      expect(datagrams.every((each) => !reports.hear('192.0.2.1', each))).toBe(true);
    }),
  );
});

test('half a report changes nothing, and the next one counts', () => {
  const reports = createReports();
  const many = Array.from({ length: 70 }, (_, index) => `${index}`);
  reports.hear('a', reportOf(['x'], 1)[0]!);
  const [first = '', second = ''] = reportOf(many, 2);
  expect([reports.hear('a', first), reports.hear('a', second), reports.unwell()]).toEqual([false, false, ['x']]);
  expect([reports.hear('a', reportOf([], 3)[0]!), reports.unwell()]).toEqual([true, []]);
});

test('each node speaks for itself, and of one that is gone nothing holds', () => {
  const reports = createReports();
  reports.hear('a', reportOf(['x'], 1)[0]!);
  reports.hear('b', reportOf(['y'], 1)[0]!);
  expect([reports.keep(['a', 'b']), reports.unwell()]).toEqual([false, ['x', 'y']]);
  expect([reports.keep(['b', 'c']), reports.unwell()]).toEqual([true, ['y']]);
});

test('each datagram fits into the least MTU, and what is no report is passed over', () => {
  const datagrams = reportOf(
    Array.from({ length: 1000 }, () => crypto.randomUUID()),
    Date.now(),
  );
  expect(Math.max(...datagrams.map(({ length }) => length))).toBeLessThan(1232);
  expect(createReports().hear('a', 'opencontrail-alive-1')).toBe(false);
});

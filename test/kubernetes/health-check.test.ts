/** The grammar of health checks. */
import { expect, test } from '@jest/globals';
import { parseHealthCheck } from '../../kubernetes/health-check.ts';

test('what is not said is filled in', () => {
  expect(parseHealthCheck("{'type': 'TCP', 'port': 81}")).toEqual({
    ok: true,
    value: { type: 'TCP', port: 81, delay: 5, timeout: 3, retries: 2 },
  });
});

test.each([
  ['yes', /is neither JSON nor a Python literal/],
  ['{}', /is wrong at type/],
  ['{"type": "http"}', /is wrong at type/],
  ['{"type": "HTTP", "path": "healthz"}', /is wrong at path: a path begins with "\/"/],
  ['{"type": "HTTP", "path": "/a b"}', /is wrong at path/],
  ['{"type": "TCP", "path": "/healthz"}', /is wrong at path: only HTTP and HTTPS/],
  ['{"type": "PING", "port": 80}', /is wrong at port: PING asks no port/],
  ['{"type": "HTTP", "port": 0}', /is wrong at port/],
  ['{"type": "HTTP", "delay": 0.5}', /is wrong at delay/],
  ['{"type": "HTTP", "retries": 11}', /is wrong at retries/],
  ['{"type": "HTTP", "interval": 5}', /interval/],
])('%s is refused, with what to write', (text, problem) => {
  expect(parseHealthCheck(text)).toEqual({
    ok: false,
    problem: expect.stringMatching(problem),
    mend: expect.stringContaining('{"type": "HTTP", "path": "/healthz"}'),
  });
});

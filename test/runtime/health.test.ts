/** Metrics for a Prometheus on another machine, beside what is its own machine's affair. */
import { expect, jest, test } from '@jest/globals';
import { serveMetrics } from '../../runtime/health.ts';
import { counter, createRegistry } from '../../runtime/metrics.ts';
import { freePort } from '../workers/programs.ts';

test('metrics are served alone, until the program ends', async () => {
  const registry = createRegistry();
  counter(registry, 'test', 'Counts.', []).inc();
  const port = await freePort();
  const closers: (() => Promise<void> | void)[] = [];
  const lifecycle = {
    signal: AbortSignal.any([]),
    onClose: (_name: string, close: () => Promise<void> | void) => void closers.push(close),
  };
  await serveMetrics({ host: '127.0.0.1', port }, registry, lifecycle);
  const ask = async (path: string): Promise<Response> => await fetch(`http://127.0.0.1:${port}${path}`);
  expect(await (await ask('/metrics')).text()).toContain('opencontrail_test_total 1');
  for (const path of ['/healthz', '/introspect/drops', '/vm']) expect((await ask(path)).status).toBe(404);
  for (const close of closers) await close();
  await expect(ask('/metrics')).rejects.toThrow();
});

test('nothing is served where nobody asks for it', async () => {
  const onClose = jest.fn();
  await serveMetrics(undefined, createRegistry(), { signal: AbortSignal.any([]), onClose });
  expect(onClose).not.toHaveBeenCalled();
});

/** The documents' examples of our own resources, as `kubectl apply --server-side` and what deploys by it send them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../kubernetes/client.ts';
import { checkout } from '../lab/paths.ts';
import { hasApiServer, startApiServer, type TestApiServer } from './apiserver.ts';
import { installResources } from './resources.ts';

// Generous: a real API server, on a machine that may be busy.
jest.setTimeout(120_000);

const GROUP = /^opencontrail\.org\//;
const files = ['README.md', ...globSync('docs/*.md', { cwd: checkout })].sort();
const examples = files.flatMap((file) => examplesIn(file).map((object) => ({ ...titled(object, file), object })));

const described = hasApiServer ? describe : describe.skip;

described('server-side apply', () => {
  let server: TestApiServer;
  beforeAll(async () => {
    server = await startApiServer();
    await installResources(server.client());
    const namespaces = new Set(examples.flatMap(({ object: { metadata } }) => metadata.namespace ?? []));
    for (const name of namespaces) await server.client().post('/api/v1/namespaces', { metadata: { name } });
  });
  afterAll(() => server.stop());

  test.each(examples)('takes $title, and takes it again', async ({ object }) => {
    const query = { fieldManager: 'test', fieldValidation: 'Strict' };
    for (let times = 0; times < 2; times += 1) {
      await server.client().patch(pathOf(object), object, 'application/apply-patch+yaml', { query });
    }
    await server.client().delete(pathOf(object)); // Another document has one of the same name.
  });
});

test('there are examples of every kind', () => {
  const kinds = globSync('charts/opencontrail/files/crds/*.yaml', { cwd: checkout }).length;
  expect(new Set(examples.map(({ object }) => object.kind)).size).toBe(kinds);
});

function examplesIn(file: string): readonly KubeObject[] {
  const text = readFileSync(join(checkout, file), 'utf8');
  return [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
    parseAllDocuments(block)
      .map((document) => document.toJS() as KubeObject | null)
      .filter((object) => object !== null)
      .filter(({ apiVersion, spec }) => GROUP.test(apiVersion ?? '') && spec !== undefined),
  );
}

function titled({ kind, metadata }: KubeObject, file: string): { readonly title: string } {
  return { title: `${kind} ${metadata.name} of ${file}` };
}

function pathOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): string {
  const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/apis/${apiVersion}${place}/${kind?.toLowerCase()}s/${name}`;
}

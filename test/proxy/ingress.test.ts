/** What Ingresses become, and what their users are told. */
import { describe, expect, test } from '@jest/globals';
import { ingressesOfOurs } from '../../kubernetes/ingress.ts';
import { certificateList } from '../../proxy/haproxy/maps.ts';
import { compileIngresses } from '../../proxy/ingress/compile.ts';
import { ingresses, type IngressSpec, viewOf } from './objects.ts';

const WEB = { web: ['10.0.0.1:8080'] };
const CERTIFICATE = { kind: 'certificate', pem: 'PEM' } as const;

/** The reasons told to each Ingress, by its name. */
function reasonsOf(specs: readonly IngressSpec[], view = viewOf(WEB)) {
  const all = ingresses(...specs);
  const { problems } = compileIngresses(all, view);
  return Object.fromEntries(all.map(({ name, uid }) => [name, (problems.get(uid) ?? []).map(({ reason }) => reason)]));
}

describe('classes', () => {
  test('only Ingresses of a class of ours are served, and none that names no class', () => {
    const classes = [
      { name: 'opencontrail', uid: '1', controller: 'opencontrail.org/ingress' },
      { name: 'nginx', uid: '2', controller: 'k8s.io/ingress-nginx' },
    ];
    const [ours, theirs] = ingresses({ name: 'ours' }, { name: 'theirs', className: 'nginx' });
    const { className: _none, ...classless } = { ...ours!, name: 'classless' };
    expect(ingressesOfOurs([theirs!, classless, ours!], classes).map(({ name }) => name)).toEqual(['ours']);
  });
});

describe('paths', () => {
  test('of two Ingresses that ask for the same, the older is served and the younger told; what else it has is served', () => {
    const specs = [
      { name: 'old', rules: { 'a.example': [{ path: '/x', to: 'web' }] } },
      {
        name: 'young',
        rules: {
          'A.example': [
            { path: '/x/', to: 'web', port: 'http' },
            { path: '/y', to: 'web' },
          ],
        },
      },
    ];
    expect(reasonsOf(specs)).toEqual({ old: [], young: ['PathConflict'] });
    const { model } = compileIngresses(ingresses(...specs), viewOf(WEB));
    expect([...model.paths.prefixes]).toEqual([
      ['a.example/x/', 'shop:web:80'],
      ['a.example/y/', 'shop:web:80'],
    ]);
  });

  test('an exact path and a prefix of the same text are no conflict', () => {
    const rules = {
      '': [
        { path: '/x', to: 'web' },
        { path: '/x', type: 'Exact', to: 'web' },
      ] as const,
    };
    expect(reasonsOf([{ rules }])).toEqual({ web: [] });
  });

  test('of several default back ends the oldest’s serves', () => {
    const specs = [
      { name: 'old', fallback: { to: 'web' } },
      { name: 'young', fallback: { to: 'web' } },
    ];
    expect(reasonsOf(specs)).toEqual({ old: [], young: ['PathConflict'] });
  });

  test('a rule for everything comes before a default back end, and is no conflict with its own', () => {
    const rules = { '': [{ to: 'web' }] };
    expect(reasonsOf([{ rules, fallback: { to: 'other' } }], viewOf({ ...WEB, other: [] }))).toEqual({ web: [] });
  });

  test.each([
    ['a Service that is not there', { to: 'gone' }, 'ServiceNotFound'],
    ['a port that the Service has not', { to: 'web', port: 'https' }, 'PortNotFound'],
    ['a number that the Service has not', { to: 'web', port: 81 }, 'PortNotFound'],
    ['a path that no request can have', { to: 'web', path: '/a\nb' }, 'UnsupportedPath'],
  ])('%s is told once, and other paths are served', (_what, wrong, reason) => {
    const spec = { rules: { '': [{ path: '/good', to: 'web' }, wrong], 'b.example': [wrong] } };
    const [ingress] = ingresses(spec);
    const { model, problems } = compileIngresses([ingress!], viewOf(WEB));
    expect(problems.get(ingress!.uid)?.map((problem) => problem.reason)).toEqual([reason]);
    expect(model.backends.find(({ name }) => name === 'shop:web:80')?.servers).toEqual([
      { address: '10.0.0.1', port: 8080 },
    ]);
  });

  test('a back end that is no Service is told', () => {
    const [ingress] = ingresses({});
    const backend = { kind: 'resource', resource: 'Bucket icons' } as const;
    const { problems } = compileIngresses([{ ...ingress!, defaultBackend: backend }], viewOf(WEB));
    expect(problems.get(ingress!.uid)).toMatchObject([{ reason: 'UnsupportedBackend' }]);
  });
});

describe('certificates', () => {
  test('a host has the certificate of the oldest Ingress; the default leads the list', () => {
    const specs = [
      { name: 'old', tls: [{ hosts: ['a.example'], secretName: 'one' }] },
      { name: 'young', tls: [{ hosts: ['a.example', '*.b.example'], secretName: 'two' }] },
      { name: 'default', tls: [{ secretName: 'three' }] },
    ];
    const secrets = { 'shop/one': CERTIFICATE, 'shop/two': CERTIFICATE, 'shop/three': CERTIFICATE };
    const { model, problems } = compileIngresses(ingresses(...specs), viewOf(WEB, secrets));
    expect([...problems.keys()]).toEqual(['young-uid']);
    expect(certificateList(model.certificates, '/c').replaceAll(/-[0-9a-f]{12}/g, '')).toBe(
      '/c/shop_three.pem !*\n/c/shop_one.pem a.example\n/c/shop_two.pem *.b.example\n',
    );
  });

  test('a Secret that is missing or unusable is told, and the paths are served', () => {
    const spec = { rules: { 'a.example': [{ to: 'web' }] } };
    const specs = [
      { ...spec, name: 'missing', tls: [{ hosts: ['a.example'], secretName: 'gone' }] },
      { name: 'broken', tls: [{ secretName: 'broken' }] },
    ];
    const view = viewOf(WEB, { 'shop/broken': { kind: 'invalid', why: 'holds no certificate' } });
    expect(reasonsOf(specs, view)).toEqual({ missing: ['SecretNotFound'], broken: ['SecretInvalid'] });
    expect(compileIngresses(ingresses(...specs), view).model.paths.prefixes.get('a.example/')).toBe('shop:web:80');
  });
});

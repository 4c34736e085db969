/** Which back ends a node asks for their health, where, and what is left out of those that are not well. */
import { describe, expect, test } from '@jest/globals';
import { uuidOf } from '../../contrail/names.ts';
import type { ContrailObject, ServiceHealthCheck } from '../../contrail/objects.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { type TestWorld, vmiOf, worldObjects } from './config.ts';
import { WORLD } from './lab/world.ts';

const VIP = '10.96.0.30';
const monitor = { monitor_type: 'HTTP', url_path: '/healthz', delay: 5, timeout: 3, max_retries: 2 } as const;
const world: TestWorld = {
  ...WORLD,
  services: {
    asked: {
      vip: VIP,
      network: 's',
      monitor,
      ports: [
        {
          protocol: 'TCP',
          port: 80,
          backends: [
            ['c1', 8080],
            ['c3', 8080],
            ['c2', 8081],
          ],
        },
      ],
    },
  },
};
const memberOf = (pod: string): string =>
  uuidOf('loadbalancer-member', ['default-domain', 'k8s-test', 'asked-TCP-80', pod]);
const times = { delayMs: 5000, timeoutMs: 3000, retries: 2 };

function withCheck(properties: Partial<ServiceHealthCheck['service_health_check_properties']>) {
  const objects = worldObjects(WORLD);
  const fqName = ['default-domain', 'k8s-test', 'check'];
  const uuid = uuidOf('service-health-check', fqName);
  const defaults = { health_check_type: 'link-local', monitor_type: 'PING', delay: 1, timeout: 2, max_retries: 3 };
  const check: ContrailObject = {
    type: 'service-health-check',
    uuid,
    fq_name: fqName,
    service_health_check_properties: { ...defaults, ...properties },
  };
  objects.set(uuid, check);
  const refs = [{ to: fqName, uuid }];
  for (const pod of ['c1', 'c2', 'a1']) {
    const vmi = objects.get(vmiOf(pod))!;
    objects.set(vmi.uuid, { ...vmi, service_health_check_refs: refs });
  }
  return objects;
}

describe('a node asks', () => {
  test.each([
    [
      'n1',
      [
        { subject: memberOf('c1'), address: '10.32.0.1', port: 8080 },
        // By the address that the node itself has for it.
        { subject: memberOf('c3'), address: '240.0.0.3', port: 8080 },
      ],
    ],
    ['n2', [{ subject: memberOf('c2'), address: '10.32.0.2', port: 8081 }]],
  ] as const)('%s: members of its own', (node, want) => {
    const { healthChecks } = compile({ objects: worldObjects(world) }, node);
    const all = want.map((each) => ({ ...each, type: 'HTTP', path: '/healthz', ...times }));
    expect(healthChecks).toEqual([...all].sort((a, b) => (a.subject < b.subject ? -1 : 1)));
  });

  test.each<[string, Parameters<typeof withCheck>[0], unknown]>([
    ['by a ping', {}, { type: 'PING' }],
    ['by a path', { monitor_type: 'HTTP', url_path: '/up' }, { type: 'HTTP', port: 80, path: '/up' }],
    [
      'by a URL',
      { monitor_type: 'HTTP', url_path: 'https://local-ip:8443/up?x=1' },
      { type: 'HTTPS', port: 8443, path: '/up?x=1' },
    ],
  ])('interfaces %s', (_title, properties, want) => {
    const { healthChecks } = compile({ objects: withCheck(properties) }, 'n1');
    const common = { delayMs: 1000, timeoutMs: 2000, retries: 3 };
    expect(healthChecks.map(({ address }) => address).sort()).toEqual(['10.32.0.1', '240.0.0.1']);
    expect(healthChecks.find(({ subject }) => subject === vmiOf('c1'))).toEqual({
      subject: vmiOf('c1'),
      address: '10.32.0.1',
      ...common,
      ...(want as object),
    });
  });

  test.each([
    ['one that is switched off', { enabled: false }],
    ['BFD, which routers speak', { monitor_type: 'BFD' }],
  ] as const)('nobody: %s', (_title, properties) => {
    expect(compile({ objects: withCheck(properties) }, 'n1').healthChecks).toEqual([]);
  });
});

/** Whom the service leads to. */
function backends(unhealthy: readonly string[]): readonly string[] {
  return compile({ objects: worldObjects(world) }, 'n1', { unhealthy: new Set(unhealthy) })
    .services.filter(({ vip }) => vip === VIP)
    .flatMap((service) => service.backends.map(({ address }) => address));
}

describe('who is not well is left out', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['a member', [memberOf('c2')], ['10.32.0.1', '10.32.0.3']],
    ['an interface', [vmiOf('c3')], ['10.32.0.1', '10.32.0.2']],
    ['everybody', ['c1', 'c2', 'c3'].map(memberOf), []],
  ])('%s', (_title, unhealthy, want) => {
    expect(backends(unhealthy)).toEqual(want);
  });
});

/** What a Service becomes; where facts 9.3 tells of a mistake of the original, that it is not made again. */
import { describe, expect, test } from '@jest/globals';
import type { ServicePortInput } from '../../contrail/desired/listener.ts';
import { desiredService, type ServiceInput } from '../../contrail/desired/service.ts';
import { createNames } from '../../contrail/names.ts';
import { annotationOf } from '../../contrail/objects.ts';
import { plan } from '../../contrail/plan.ts';
import { PLAIN_TRAFFIC, transportOf } from '../../contrail/traffic.ts';

const names = createNames({ cluster: 'k8s', domain: 'default-domain' });
const naming = { cluster: 'k8s', names };
const port = (number: number, more: Partial<ServicePortInput> = {}): ServicePortInput => ({
  name: `p${number}`,
  protocol: 'TCP',
  port: number,
  backends: [],
  ...more,
});
const input: ServiceInput = {
  namespace: 'dev',
  name: 'web',
  uid: '6d2c4a3e-0000-4000-8000-000000000002',
  network: names.clusterServiceNetwork,
  addresses: ['10.96.0.7'],
  traffic: PLAIN_TRAFFIC,
  ports: [port(80)],
};
const objects = (change: Partial<ServiceInput>, type: string) =>
  desiredService({ ...input, ...change }, naming).filter((object) => object.type === type);

describe('ports', () => {
  test('one that is taken away, or leads elsewhere, is planned away', () => {
    const before = desiredService({ ...input, ports: [port(80), port(81)] }, naming);
    const gone = plan(desiredService(input, naming), before).map(({ op, object }) => `${op} ${object.type}`);
    expect(gone).toEqual(['delete loadbalancer-pool', 'delete loadbalancer-listener']);
    const [one, other] = [8080, 9090].map((target) =>
      desiredService({ ...input, ports: [port(80, { backends: [{ address: '10.32.0.1', port: target }] })] }, naming),
    );
    const moved = plan(other ?? [], one ?? []).map(({ op, object }) => `${op} ${object.type}`);
    expect(moved).toEqual(['delete loadbalancer-member', 'create loadbalancer-member']);
  });

  test('members keep target ports of their own', () => {
    const backends = [
      { address: '10.32.0.1', port: 8080 },
      { address: '10.32.0.2', port: 9090 },
    ];
    const members = objects({ ports: [port(80, { backends })] }, 'loadbalancer-member');
    expect(members.map((member) => member['loadbalancer_member_properties'])).toMatchObject([
      { protocol_port: 8080 },
      { protocol_port: 9090 },
    ]);
  });

  test('SCTP is not said to be UDP, and runs again change nothing', () => {
    const ports = [port(80, { protocol: 'SCTP' })];
    const [listener] = objects({ ports }, 'loadbalancer-listener');
    expect(listener?.['loadbalancer_listener_properties']).toEqual({ protocol_port: 80, admin_state: true });
    expect(listener && transportOf(listener)).toBe('SCTP');
    const all = desiredService({ ...input, ports }, naming);
    expect(plan(all, all)).toEqual([]);
  });

  test('a member on its way out takes no flows from a controller that does not know of draining', () => {
    const backends = [{ address: '10.32.0.1', port: 8080, draining: true }];
    const [member] = objects({ ports: [port(80, { backends })] }, 'loadbalancer-member');
    expect(member?.['loadbalancer_member_properties']).toMatchObject({ admin_state: false });
  });
});

test('affinity and policies can be taken back', () => {
  const sticky = desiredService(
    { ...input, affinitySeconds: 60, traffic: { ...PLAIN_TRAFFIC, externalLocal: true } },
    naming,
  );
  const changes = plan(desiredService(input, naming), sticky).map(({ op, object }) => `${op} ${object.type}`);
  expect(changes).toEqual(['update loadbalancer', 'update loadbalancer-pool']);
  const [pool] = objects({}, 'loadbalancer-pool');
  expect(pool && annotationOf(pool, 'affinitySeconds')).toBe('');
});

test('there is a floating IP for each family, under a name that is always the same', () => {
  const external = {
    pool: names.floatingIpPool('public'),
    addresses: [{ family: 'v4' as const }, { family: 'v6' as const, address: '2001:db8::7' }],
    assigned: [],
  };
  const floating = objects({ external }, 'floating-ip');
  expect(floating.map((ip) => ip['floating_ip_address'])).toEqual([undefined, '2001:db8::7']);
  expect(floating.map(({ uuid }) => uuid)).toEqual(objects({ external }, 'floating-ip').map(({ uuid }) => uuid));
  expect(new Set(floating.map(({ fq_name: name }) => name.join(':'))).size).toBe(2);
});

describe('health', () => {
  const healthCheck = { type: 'HTTP', path: '/healthz', delay: 5, timeout: 3, retries: 2 } as const;
  const checked = { healthCheck, ports: [port(80), port(53, { protocol: 'UDP' })] };

  test('one monitor for the pools of all ports that can be asked', () => {
    const [monitor, ...others] = objects(checked, 'loadbalancer-healthmonitor');
    expect([monitor?.['loadbalancer_healthmonitor_properties'], others]).toEqual([
      {
        admin_state: true,
        monitor_type: 'HTTP',
        delay: 5,
        timeout: 3,
        max_retries: 2,
        http_method: 'GET',
        url_path: '/healthz',
      },
      [],
    ]);
    const refs = (change: Partial<ServiceInput>) =>
      objects(change, 'loadbalancer-pool').map((pool) => pool['loadbalancer_healthmonitor_refs']);
    const to = [{ to: monitor?.fq_name }];
    expect(refs(checked)).toEqual([to, []]);
    expect(refs({ ...checked, healthCheck: { ...healthCheck, port: 8080 } })).toEqual([to, to]);
    expect(refs({ ...checked, healthCheck: { ...healthCheck, type: 'PING' } })).toEqual([to, to]);
  });

  test('a check that is asked for no more is planned away, and runs again change nothing', () => {
    const [before, after] = [checked, { ports: checked.ports }].map((change) =>
      desiredService({ ...input, ...change }, naming),
    );
    expect(plan(after ?? [], before ?? []).map(({ op, object }) => `${op} ${object.type}`)).toEqual([
      'update loadbalancer-pool',
      'delete loadbalancer-healthmonitor',
    ]);
    expect(plan(before ?? [], before ?? [])).toEqual([]);
  });
});
